#!/usr/bin/python3
"""An external authentication program as people write it today, with python-ldap.

extauth.py fresh|kept URL BASE SERVICE_DN SERVICE_PASSWORD [TEMPLATE]

"fresh" opens its connections for each request, "kept" once. With a TEMPLATE, in which {} stands for
the name, users are bound without a search.
"""

import struct
import sys

import ldap
import ldap.dn
import ldap.filter

manner, url, base, service_dn, service_password, *template = sys.argv[1:]


def connect():
    connection = ldap.initialize(url)
    connection.set_option(ldap.OPT_NETWORK_TIMEOUT, 5)
    connection.set_option(ldap.OPT_TIMEOUT, 5)
    return connection


class Kept:
    def __init__(self):
        self.searching = self.binding = None

    def for_searches(self):
        if self.searching is None:
            self.searching = connect()
            self.searching.simple_bind_s(service_dn, service_password)
        return self.searching

    def for_binds(self):
        if self.binding is None:
            self.binding = connect()
        return self.binding

    def done(self):
        pass


class Fresh(Kept):
    def done(self):
        for connection in filter(None, (self.searching, self.binding)):
            connection.unbind_s()
        self.searching = self.binding = None


def find(connections, user):
    query = ldap.filter.filter_format("(uid=%s)", [user])
    found = connections.for_searches().search_s(base, ldap.SCOPE_SUBTREE, query, ["1.1"])
    names = [name for name, _ in found if name is not None]
    return names[0] if len(names) == 1 else None


def answer(connections, verb, user, password):
    if verb == "isuser":
        return find(connections, user) is not None
    if verb != "auth" or not password:
        return False
    name = template[0].format(ldap.dn.escape_dn_chars(user)) if template else find(connections, user)
    if name is None:
        return False
    try:
        connections.for_binds().simple_bind_s(name, password)
    except ldap.INVALID_CREDENTIALS:
        return False
    return True


def main():
    connections = Fresh() if manner == "fresh" else Kept()
    while header := sys.stdin.buffer.read(2):
        (length,) = struct.unpack(">H", header)
        verb, user, _, *password = sys.stdin.buffer.read(length).decode().split(":", 3)
        is_yes = answer(connections, verb, user, *(password or [""]))
        connections.done()
        sys.stdout.buffer.write(struct.pack(">HH", 2, is_yes))
        sys.stdout.buffer.flush()


main()
