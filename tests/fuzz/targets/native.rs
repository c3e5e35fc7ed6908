//! Fuzzes [`xmpp_ldap_auth_fuzz::native`].

#![cfg_attr(fuzzing, no_main)]

xmpp_ldap_auth_fuzz::target!(native);
