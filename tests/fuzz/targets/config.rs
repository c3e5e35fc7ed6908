//! Fuzzes [`xmpp_ldap_auth_fuzz::config`].

#![cfg_attr(fuzzing, no_main)]

xmpp_ldap_auth_fuzz::target!(config);
