//! Fuzzes [`xmpp_ldap_auth_fuzz::packet`].

#![cfg_attr(fuzzing, no_main)]

xmpp_ldap_auth_fuzz::target!(packet);
