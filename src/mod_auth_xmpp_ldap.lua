-- Asks the daemon of xmpp-ldap-auth about users and their passwords, for Prosody 0.12 and 13.0.
--
--     authentication = "xmpp_ldap"
--     xmpp_ldap_socket = "/run/xmpp-ldap-auth/prosody.sock"
--     xmpp_ldap_timeout = 10 -- seconds that a user waits at most
--
-- Requests and answers are JSON, one object a line. Answers come in any order, and each has the
-- number of its request, so that a late one reaches nobody. Only the user who asked waits.
--
-- luacheck: globals module

local async = require "util.async";
local get_sasl_handler = require "core.usermanager".get_sasl_handler;
local is_utf8 = require "util.encodings".utf8.valid;
local json = require "util.json";
local file_attributes = require "lfs".attributes;
local monotonic = require "util.time".monotonic;
local new_cache = require "util.cache".new;
local new_sasl = require "util.sasl".new;
local own_uid = require "util.pposix".getuid;
local server = require "net.server";
local unix = require "socket.unix";

-- Older releases of LuaSocket have nothing there but the constructor.
local new_socket = type(unix) == "table" and unix.stream or unix;

-- What cannot be used is nil, or in some releases an error that leaves nobody to sign users in.
local path = module:get_option_string("xmpp_ldap_socket", "/run/xmpp-ldap-auth/prosody.sock") or "";
if path:sub(1, 1) ~= "/" then module:log("error", "Nobody can sign in: xmpp_ldap_socket is no absolute path"); end
local patience = module:get_option_number("xmpp_ldap_timeout", 10);
if not (patience and patience >= 1 and patience <= 3600) then
	module:log("error", "xmpp_ldap_timeout is no number from 1 to 3600: it is taken for 10");
	patience = 10;
end
-- The daemon is told a little less, so that what it finds out in the end still comes in time.
local within_ms = math.floor(patience * 1000) - 500;

local protocol_version = 1;
local hello = json.encode { hello = protocol_version, client = "mod_auth_xmpp_ldap 0.1.0" } .. "\n";

local max_sent = 400000; -- bytes of a line with its line feed: the daemon hangs up on more
local max_read = 4096; -- bytes of a line
local max_waiting = 128; -- requests at the same time: the daemon reads no more of one connection
local max_of_user = 8; -- requests at the same time of one kind for one user
local max_behind = 16; -- requests at the same time for which nobody can wait
local max_missed = 3; -- deadlines in a row
local max_silence = 10; -- seconds
local remembered = 3600; -- seconds

-- Of each connection: Prosody's own (`conn`), the begin of a line (`partial`), who waits there by the
-- number of the request (`waiters`), how many (`waiting`), whether the daemon has greeted
-- (`greeted`), whether it takes no more requests (`retired`), how many deadlines it has missed in a
-- row (`missed`), and when something last came or was first waited for (`heard`).
local connections = {}; -- by `conn`
local current; -- the one that takes new requests
local waiting = 0;
local waiting_of = {}; -- by the kind of request and the user
local last_id = 0;
local late = 0;
local unloaded = false;

-- The same is told once a minute, however many users it keeps out.
local told = new_cache(16);
local in_trouble = false;

local function is_news(trouble)
	local before = told:get(trouble);
	if before and monotonic() - before < 60 then return false; end
	told:set(trouble, monotonic());
	return true;
end

local function complain(trouble)
	if is_news(trouble) then
		in_trouble = true;
		module:log("error", "Nobody can be looked up at %s: %s", path, trouble);
	end
end

local function rejoice()
	if in_trouble then
		in_trouble = false;
		module:log("info", "Users can be looked up at %s again", path);
	end
end

local drop;

-- Lets whoever waits for this answer go on, with nil if there is none; false if nobody waits.
local function finish(connection, id, answer)
	local waiter = connection.waiters[id];
	if not waiter then return false; end
	connection.waiters[id] = nil;
	connection.waiting = connection.waiting - 1;
	waiting = waiting - 1;
	local of_share = waiting_of[waiter.share] - 1;
	waiting_of[waiter.share] = of_share > 0 and of_share or nil;
	if connection.retired and connection.waiting == 0 then drop(connection); end
	waiter.timer:stop();
	waiter.answer = answer;
	waiter.done();
	return true;
end

-- A connection has ended, and with it all that was waited for there.
local function forget(connection, trouble)
	connections[connection.conn] = nil;
	if current == connection then current = nil; end
	if trouble then complain(trouble); end
	local id = next(connection.waiters);
	while id do
		finish(connection, id, nil);
		id = next(connection.waiters);
	end
end

local function write_cancel(conn, id)
	conn:write(json.encode { cancel = id } .. "\n");
end

function drop(connection, trouble)
	local conn = connection.conn;
	if connections[conn] == connection then
		connections[conn] = nil;
		-- So that what has not begun there never does, although it may still be written.
		for id in pairs(connection.waiters) do write_cancel(conn, id); end
		conn:close();
		forget(connection, trouble);
	end
end

-- What is open is still answered there; nothing new is asked.
local function retire(connection)
	connection.retired = true;
	if current == connection then current = nil; end
	if connection.waiting == 0 then drop(connection); end
end

local function take(connection, line)
	local is_json, message = pcall(json.decode, line);
	if not is_json or type(message) ~= "table" then
		drop(connection, "what comes from there is no JSON");
	elseif message.error == "version" or message.hello and message.hello ~= protocol_version then
		drop(connection, "the daemon is of another version; what its command prosody-module prints fits it");
	elseif message.error then
		complain(("the daemon hangs up: %s"):format(tostring(message.error)));
		retire(connection);
	elseif message.hello then
		connection.greeted = true;
	elseif message.bye then
		retire(connection);
	-- Its bye can cross our hello, and is all the greeting then: to what we asked it can say only that.
	elseif not connection.greeted and not (connection.retired and message.verdict == "unknown") then
		drop(connection, "what answers there is no daemon of xmpp-ldap-auth");
	elseif message.id and finish(connection, message.id, message) then
		connection.missed = 0;
		rejoice();
	elseif message.id then
		late = late + 1;
		if is_news("late") then
			module:log("info", "An answer came when nobody waited for it any more, %d so far", late);
		end
	end
end

local listener = {};

function listener.onincoming(conn, data)
	local connection = connections[conn];
	if not connection then return; end
	connection.heard = monotonic();
	local text = connection.partial .. data;
	local start = 1;
	local stop = text:find("\n", start, true);
	while stop do
		take(connection, text:sub(start, stop - 1));
		if connections[conn] ~= connection then return; end
		start = stop + 1;
		stop = text:find("\n", start, true);
	end
	connection.partial = text:sub(start);
	if #connection.partial >= max_read then drop(connection, "what comes from there has no end"); end
end

function listener.ondisconnect(conn, problem)
	local connection = connections[conn];
	if connection then forget(connection, connection.waiting > 0 and (problem or "closed") or nil); end
end

-- Nothing is wrong with a connection on which nobody has asked anything for a while.
function listener.onreadtimeout()
	return true;
end

-- Whoever made the socket is told passwords.
local function is_trusted(owner)
	return owner == 0 or owner == own_uid() or owner == file_attributes("/run/xmpp-ldap-auth", "uid");
end

-- A new connection, or nil and why there is none.
local function connect()
	local owner, problem = file_attributes(path, "uid");
	if not owner then return nil, problem; end
	if not is_trusted(owner) then return nil, ("the socket is a stranger's, of the uid %d"):format(owner); end
	local socket, connected, conn;
	socket, problem = new_socket();
	if not socket then return nil, problem; end
	socket:settimeout(0);
	-- This is done at once or not at all: "timeout" says that too many wait there to be let in.
	connected, problem = socket:connect(path);
	if connected then conn, problem = server.wrapclient(socket, path, 0, listener, 8192); end
	if not conn then
		socket:close();
		return nil, problem;
	end
	local connection = {
		conn = conn; partial = ""; waiters = {}; waiting = 0;
		greeted = false; retired = false; missed = 0; heard = 0;
	};
	connections[conn] = connection;
	conn:write(hello);
	return connection;
end

-- The connection on which a line was sent, or nil and why it was not.
local function send(line)
	for _ = 1, 2 do
		local connection, problem = current, nil;
		if not connection then connection, problem = connect(); end
		if not connection then return nil, problem; end
		current = connection;
		-- What takes nothing any more is closed, although nobody has told us yet, or by the write itself.
		-- Whoever waited there goes on within the write then, and may have connected anew.
		if connection.conn:write(line) and connections[connection.conn] then return connection; end
		if current == connection then current = nil; end
		drop(connection);
	end
	return nil, "closed";
end

-- A deadline has passed.
local function miss(connection, id)
	connection.missed = connection.missed + 1;
	if connection.missed >= max_missed or monotonic() - connection.heard >= max_silence then
		drop(connection, "no answer");
	else
		complain("no answer");
		write_cancel(connection.conn, id);
		finish(connection, id, nil);
	end
end

-- What the daemon accepts as a name or a password: UTF-8 without control characters, C1 among them.
local function is_text(value)
	return type(value) == "string" and value ~= "" and is_utf8(value)
		and not value:find("[%z\1-\31\127]") and not value:find("\194[\128-\159]");
end

-- Users by what the daemon last said of them.
local known = new_cache(10000);

local function remember(username, exists)
	known:set(username, { exists = exists, at = monotonic() });
end

-- "yes" or "no", or nil where that cannot be told now; and why.
local function ask(verb, username, password)
	if not is_text(username) or verb ~= "isuser" and not is_text(password) then return "no", "malformed"; end
	if unloaded or not async.ready() then return nil, "try again"; end
	local share = verb .. " " .. username;
	if (waiting_of[share] or 0) >= max_of_user then return nil, "try again"; end
	if waiting >= max_waiting then
		complain("too many users wait already");
		return nil, "try again";
	end
	last_id = last_id + 1;
	local id = last_id;
	local line = json.encode {
		id = id, verb = verb, user = username, domain = module.host, password = password, within_ms = within_ms,
	} .. "\n";
	if #line > max_sent then return "no", "malformed"; end
	local connection, problem = send(line);
	if not connection then
		complain(problem);
		return nil, problem;
	end

	local wait, done = async.waiter();
	local timer = module:add_timer(patience, function () miss(connection, id); end);
	local waiter = { share = share, done = done, timer = timer };
	if connection.waiting == 0 and connection.missed == 0 then connection.heard = monotonic(); end
	connection.waiters[id] = waiter;
	connection.waiting = connection.waiting + 1;
	waiting = waiting + 1;
	waiting_of[share] = (waiting_of[share] or 0) + 1;
	wait();

	local answer = waiter.answer or {};
	local reason = type(answer.reason) == "string" and answer.reason or "no answer";
	if answer.verdict == "yes" then
		remember(username, true);
		return "yes", reason;
	elseif answer.verdict == "no" then
		if verb == "isuser" then remember(username, false); end
		return "no", reason;
	end
	return nil, reason;
end

-- Asks for somebody who cannot wait for the answer; the next one finds it remembered.
local behind, asked_behind = {}, 0;

local function ask_behind(username)
	if behind[username] or asked_behind >= max_behind then return; end
	behind[username] = true;
	asked_behind = asked_behind + 1;
	async.runner(function ()
		ask("isuser", username);
		behind[username] = nil;
		asked_behind = asked_behind - 1;
	end):run(true);
end

local provider = {};

function provider.test_password(username, password)
	local verdict, reason = ask("auth", username, password);
	if verdict == "yes" then return true; end
	return nil, reason;
end

function provider.set_password(username, password)
	local verdict, reason = ask("setpass", username, password);
	if verdict == "yes" then return true; end
	return nil, reason;
end

-- While nobody can tell, the last known answer counts; a user of whom nothing is known exists, so
-- that no message to somebody comes back because of an outage. Components' stanzas and timers cannot
-- wait for any answer.
function provider.user_exists(username)
	local verdict = ask("isuser", username);
	if verdict then return verdict == "yes"; end
	if not unloaded and not async.ready() then ask_behind(username); end
	local last = known:get(username);
	return not last or last.exists or monotonic() - last.at > remembered;
end

-- Tokens are as good as the account that they were given to.
provider.is_enabled = provider.user_exists;

function provider.create_user()
	return nil, "Accounts are created in the directory.";
end

function provider.delete_user()
	return nil, "Accounts are removed from the directory.";
end

-- The directory is not listed.
function provider.users()
	return function () end;
end

function provider.get_sasl_handler(session)
	local cannot_tell;
	local handler = new_sasl(module.host, {
		plain_test = function (_, username, password)
			local verdict = ask("auth", username, password);
			cannot_tell = not verdict;
			-- The second value says that the account is not disabled.
			return verdict == "yes", true;
		end;
	});
	local process = handler.process;
	function handler:process(message)
		cannot_tell = false;
		local status, condition, text = process(self, message);
		if cannot_tell then
			return "failure", "temporary-auth-failure", "Passwords cannot be checked at the moment.";
		end
		return status, condition, text;
	end
	-- By way of Prosody, because this module may have been loaded anew meanwhile.
	function handler:clean_clone() -- luacheck: ignore 212/self
		return get_sasl_handler(module.host, session);
	end
	return handler;
end

function module.unload()
	unloaded = true;
	local _, connection = next(connections);
	while connection do
		drop(connection);
		_, connection = next(connections);
	end
end

module:provides("auth", provider);
