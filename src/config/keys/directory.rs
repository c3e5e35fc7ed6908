//! The keys of `[directory.NAME]`: what it is, how to reach it, and as whom to sign in there.

use std::time::Duration;

use super::tls::TLS;
use super::{TableSpec, users};
use crate::config::value::{
    Count, FilePath, Flag, List, OneOrMore, Or, Span, Subtable, Text, Word,
};
use crate::directory::account::preset::Preset;
use crate::directory::account::set_password::PasswordMethod;
use crate::directory::diagnosis::MustChange;
use crate::named::named;

const PASSWORD: &str = "a password does not belong in this file; put it into a file of its own and write bind_password_file";

/// A password does not belong in a file that many can read, whatever other programs call the key.
const MISTAKES: &[(&str, &str)] = &[
    ("bind_password", PASSWORD),
    ("bind_passwd", PASSWORD),
    ("bind_pass", PASSWORD),
    ("bind_pw", PASSWORD),
    ("bindpw", PASSWORD),
    ("password", PASSWORD),
    ("secret", PASSWORD),
];

named! {
    /// The mechanisms of SASL that the service account can sign in by.
    pub enum Mechanism {
        /// The certificate of TLS, or the user at the other end of a local socket.
        External = "external",
        /// Kerberos.
        Gssapi = "gssapi",
    }
}

/// `[directory.NAME]`.
pub static DIRECTORY: TableSpec = TableSpec {
    name: "directory.NAME",
    groups: &[KEYS, SERVER_KEYS, IDENTITY_KEYS, SECRET_KEYS, users::KEYS, TABLE_KEYS],
    mistakes: MISTAKES,
};

/// `[directory.NAME.rotation]`.
pub static ROTATION: TableSpec = TableSpec {
    name: "directory.NAME.rotation",
    groups: &[ROTATION_KEYS, SECRET_KEYS],
    mistakes: MISTAKES,
};

/// `[directory.NAME.write]`.
pub static WRITE: TableSpec = TableSpec {
    name: "directory.NAME.write",
    groups: &[SERVER_KEYS, IDENTITY_KEYS, SECRET_KEYS],
    mistakes: MISTAKES,
};

/// `[directory.NAME.pool]`.
pub static POOL: TableSpec =
    TableSpec { name: "directory.NAME.pool", groups: &[POOL_KEYS], mistakes: &[] };

keys! {
    /// What the directory is, and what may be done there.
    KEYS:

    /// the product, which sets the defaults of the keys below; `check` prints the effective values
    PRESET = "preset": Word<Preset> = Word::of(Preset::ALL);

    /// whether a right password that must be changed signs in
    MUST_CHANGE_PASSWORD = "must_change_password": Or<Word<MustChange>> =
        Or(Word::of(MustChange::ALL), MustChange::Deny);

    /// how passwords are set. `"auto"`: by what the server offers; `"exop"`: by the password modify
    /// operation (RFC 3062); `"unicode-pwd"`: by Active Directory's attribute, over TLS alone, keeping
    /// to its policy
    SET_PASSWORD = "set_password": Or<Word<PasswordMethod>> =
        Or(Word::of(PasswordMethod::ALL), PasswordMethod::Off);

    /// `["ldaps://dc1.corp.example:3269"]`: global catalogs, which are asked about groups that lie in
    /// other domains of the forest; reached like `servers`, as the same service account
    GLOBAL_CATALOG = "global_catalog": List<OneOrMore> =
        List(OneOrMore("URLs"), "ldaps://dc1.corp.example:3269");
}

keys! {
    /// Where its servers are, and how they are reached.
    SERVER_KEYS:

    /// `["ldaps://…", "ldap://…", "ldapi://%2Fpath"]`, in order of preference. Lists within it are
    /// groups that share the load: `[["ldaps://a", "ldaps://b"], "ldaps://elsewhere"]`. See
    /// [When servers fail](failover.md)
    SERVERS = "servers": List<OneOrMore> = List(OneOrMore("URLs"), "ldaps://ldap.example.com");

    /// servers are found in DNS, by priority and weight: `_ldap._tcp.dc._msdcs.corp.example`, or else
    /// `_ldap._tcp.corp.example`; `servers` are the last resort. TLS on port 636, or with `start_tls`
    /// on the port that DNS says
    DISCOVER = "discover": Text = Text("DNS name");

    /// with `discover`: the servers of this Active Directory site first; `"auto"` asks the directory
    /// which it is
    SITE = "site": Text = Text("name");

    /// with `discover`: the forest's global catalogs
    DISCOVER_GLOBAL_CATALOG = "discover_global_catalog": Or<Flag> = Or(Flag, false);

    /// `["192.0.2.53"]`: who is asked for all names of this directory
    NAMESERVERS = "nameservers": List<Text> = List(Text("addresses"), "192.0.2.53"),
        otherwise "the system's resolver";

    /// upgrades `ldap://` before anything else is sent; never falls back
    START_TLS = "start_tls": Or<Flag> = Or(Flag, false);

    /// passwords may cross the network unencrypted
    ALLOW_CLEAR_TEXT = "allow_clear_text": Or<Flag> = Or(Flag, false);

    /// for one server, from the name look-up to the TLS handshake
    CONNECT_WITHIN = "connect_within": Span = Span,
        otherwise "a quarter of `answer_within`, at most 2 s";
}

keys! {
    /// As whom to sign in.
    IDENTITY_KEYS:

    /// the service account, which searches and sets passwords
    BIND_DN = "bind_dn": Text = Text("DN or name");

    /// instead of `bind_dn`: sign in by TLS client certificate, or as the local user of `ldapi://`; or
    /// by Kerberos, see [Kerberos](kerberos.md)
    SASL = "sasl": Word<Mechanism> = Word::advised(
        Mechanism::ALL,
        "write \"external\" or \"gssapi\", or bind_dn with bind_password_file",
    );

    /// with `sasl = "gssapi"`: who signs in, such as `"svc-xmpp@CORP.EXAMPLE"`
    PRINCIPAL = "principal": Text = Text("principal");

    /// with `sasl = "gssapi"`: where the keys of `principal` are, in a file that others cannot read
    KEYTAB = "keytab": FilePath = FilePath;

    /// with `sasl = "gssapi"`: the server's full host name, if `servers` are addresses or aliases
    SASL_HOST = "sasl_host": Text = Text("host name");

    /// with `sasl = "gssapi"`: Kerberos seals the service connection in the place of TLS
    SASL_SEAL = "sasl_seal": Or<Flag> = Or(Flag, false);

    /// instead of `bind_dn`: search without signing in
    ANONYMOUS = "anonymous": Or<Flag> = Or(Flag, false);

    /// a second credential, tried when the first is refused, while the password is being changed
    ROTATION_TABLE = "rotation": Subtable = Subtable(&ROTATION);
}

keys! {
    /// Where the password of a `bind_dn` is.
    SECRET_KEYS:

    /// with `bind_dn`: the file with its password, which others cannot read
    BIND_PASSWORD_FILE = "bind_password_file": FilePath = FilePath;

    /// instead of a file: the environment variable with the password
    BIND_PASSWORD_ENV = "bind_password_env": Text = Text("name");

    /// instead of a file: the systemd credential with the password
    BIND_CREDENTIAL = "bind_credential": Text = Text("name");
}

keys! {
    /// Whose the second password is.
    ROTATION_KEYS:

    /// whose the second password is
    ROTATION_BIND_DN = "bind_dn": Text = Text("DN or name"), otherwise "the first's";
}

keys! {
    /// The tables below it.
    TABLE_KEYS:

    /// where and as whom passwords are set, if not as searches are done; without `servers` and
    /// `discover`, on the directory's
    WRITE_TABLE = "write": Subtable = Subtable(&WRITE);

    /// how to speak TLS
    TLS_TABLE = "tls": Subtable = Subtable(&TLS);

    /// how many connections are kept, and for how long
    POOL_TABLE = "pool": Subtable = Subtable(&POOL);
}

keys! {
    /// How many connections are kept, and for how long.
    POOL_KEYS:

    /// binds as users at once, each on a connection of its own; searches share one more, or up to
    /// four while many are under way
    SIZE = "size": Or<Count<usize>> = Or(Count::within(1..=256), 8);

    /// false: each bind as a user is made on a fresh connection, for proxies that take one bind a
    /// connection
    REUSE = "reuse": Or<Flag> = Or(Flag, true);

    /// a connection is closed when it was unused for so long
    IDLE = "idle": Or<Span> = Or(Span, Duration::from_secs(4 * 60));

    /// a connection is closed when it was open for so long
    LIFETIME = "lifetime": Or<Span> = Or(Span, Duration::from_secs(30 * 60));
}
