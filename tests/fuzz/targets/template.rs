//! Fuzzes [`xmpp_ldap_auth_fuzz::template`].

#![cfg_attr(fuzzing, no_main)]

xmpp_ldap_auth_fuzz::target!(template);
