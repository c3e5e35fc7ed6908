//! The keys of `[listen.NAME]`: what the daemon listens on, and who may ask what there.

use super::TableSpec;
use crate::config::value::{Count, FilePath, List, Number, OneOrMore, Or, Span, Text, Users, Word};
use crate::listen::settings::{CONNECTIONS, WINDOW};
use crate::protocol::dialect::Dialect;
use crate::protocol::http::reply::Status;
use crate::request::Verb;

const VERBS: &[(&str, Verb)] =
    &[("auth", Verb::Auth), ("isuser", Verb::IsUser), ("setpass", Verb::SetPass)];

const HTTP_CALLERS: &[(&str, Dialect)] =
    &[("prosody", Dialect::Prosody), ("mongooseim", Dialect::MongooseIm)];

const STATUSES: &[(u16, Status)] = &[(400, Status::BadRequest), (503, Status::ServiceUnavailable)];

/// `[listen.NAME]`.
pub static LISTEN: TableSpec = TableSpec { name: "listen.NAME", groups: &[KEYS], mistakes: &[] };

keys! {
    /// Where the daemon listens, and who may ask what there.
    KEYS:

    /// the native protocol: a socket that the daemon makes, or `"systemd:NAME"`, the descriptor of
    /// that name
    SOCKET = "socket": Text = Text("path");

    /// the questions of mod_auth_http and MongooseIM: a port of this machine, such as
    /// `"127.0.0.1:5281"`, or as `socket`
    HTTP = "http": Text = Text("address");

    /// who may ask over HTTP: a file with one `user:password` a line, with the mode of a secret
    CREDENTIALS_FILE = "credentials_file": FilePath = FilePath;

    /// who asks over HTTP, for how long it waits: `"prosody"`, `"mongooseim"`
    CALLER = "caller": Word<Dialect> = Word::of(HTTP_CALLERS);

    /// the status of "cannot tell" over HTTP; MongooseIM up to 6.8.0 fails on 503
    UNAVAILABLE_STATUS = "unavailable_status": Number<Status> = Number(STATUSES),
        otherwise "`400`";

    /// `/metrics` for Prometheus, and `/healthz`: as `http`, without credentials
    METRICS = "metrics": Text = Text("address");

    /// a socket for the commands `status`, `forgive` and `login`, which the daemon makes
    CONTROL = "control": Text = Text("path");

    /// who may connect to a socket that the daemon makes, as of a file
    MODE = "mode": Text = Text("octal number"), otherwise "`\"0660\"`, of `control` `\"0600\"`";

    /// the group that it is given to
    GROUP = "group": Text = Text("name"), otherwise "the daemon's own";

    /// whose processes may connect, by name or number; root is no exception
    USERS = "users": Users = Users, otherwise "all whom the socket's mode lets in";

    /// what may be asked: `"auth"`, `"isuser"`, `"setpass"`
    VERBS_ALLOWED = "verbs": List<Word<Verb>> = List(Word::of(VERBS), "auth"),
        otherwise "`[\"auth\", \"isuser\"]`";

    /// whose users may be asked about
    DOMAINS = "domains": OneOrMore = OneOrMore("domain"), otherwise "all that are served";

    /// work on a request ends after this, or when its client does not wait any more
    ANSWER_WITHIN = "answer_within": Span = Span, otherwise "`\"25s\"`; over HTTP `\"8s\"`, of MongooseIM `\"1.8s\"`";

    /// so many connections at once; others wait
    MAX_CONNECTIONS = "max_connections": Or<Count<usize>> = Or(Count::within(1..=65_536), CONNECTIONS);

    /// requests of a connection that are worked on at once; 64 more are read ahead
    MAX_IN_FLIGHT = "max_in_flight": Or<Count<usize>> = Or(Count::within(1..=1024), WINDOW);
}
