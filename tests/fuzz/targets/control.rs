//! Fuzzes [`xmpp_ldap_auth_fuzz::control`].

#![cfg_attr(fuzzing, no_main)]

xmpp_ldap_auth_fuzz::target!(control);
