-- For tests only: calls Prosody's user manager as its modules do, for a component that asks by
--
--     <iq type='get' to='example.com' …>
--       <call xmlns='urn:ldap-fixtures:calls' name='user_exists' from='stanza' user='alice' password='…'/>
--     </iq>
--
-- and gets what is returned as the text of a <returned/>. A component's stanza is no place to wait
-- for an answer, and neither is a timer; a runner is one.

local async = require "util.async";
local lfs = require "lfs";
local modulemanager = require "core.modulemanager";
local server = require "net.server";
local socket = require "socket";
local st = require "util.stanza";
local usermanager = require "core.usermanager";

local host = module.host;
local calls = {};

function calls.user_exists(user)
	return usermanager.user_exists(user, host);
end

function calls.test_password(user, password)
	return usermanager.test_password(user, host, password);
end

function calls.set_password(user, password)
	return usermanager.set_password(user, password, host);
end

function calls.sign_in(user, password)
	local handler = usermanager.get_sasl_handler(host, {});
	handler:select("PLAIN");
	return handler:process("\0" .. user .. "\0" .. password);
end

-- One handler as a client has that tries again after the module was loaded anew.
function calls.sign_in_after_reload(user, password)
	local handler = usermanager.get_sasl_handler(host, {});
	assert(modulemanager.reload(host, "auth_xmpp_ldap"));
	handler = handler:clean_clone();
	handler:select("PLAIN");
	return handler:process("\0" .. user .. "\0" .. password);
end

function calls.reload(name)
	return modulemanager.reload(host, name) and true;
end

-- Somebody whose connection is lost asks anew. Prosody stands still until there is a file, and writes at
-- once when somebody else asks, so that it is then that it sees the loss.
function calls.sign_in_after_loss(user, file)
	server.set_config { opportunistic_writes = true };
	async.runner(function ()
		calls.sign_in("cut", "secret");
		calls.sign_in("carol", "secret");
	end):run(true);
	while not lfs.attributes(file) do
		socket.sleep(0.01);
	end
	return calls.sign_in(user, "secret");
end

local function words(...)
	local texts = {};
	for i = 1, select("#", ...) do
		texts[i] = tostring((select(i, ...)));
	end
	return table.concat(texts, " ");
end

module:hook("iq-get/host/urn:ldap-fixtures:calls:call", function (event)
	local attributes = event.stanza.tags[1].attr;
	local function call()
		local returned = words(calls[attributes.name](attributes.user, attributes.password));
		event.origin.send(st.reply(event.stanza)
			:text_tag("returned", returned, { xmlns = "urn:ldap-fixtures:calls" }));
	end
	if attributes.from == "runner" then
		async.runner(call):run(true);
	elseif attributes.from == "timer" then
		module:add_timer(0, call);
	else
		call();
	end
	return true;
end);
