-- For tests only: asks a program on a pseudo-terminal, in the way of the community module
-- "auth_external_insecure" in its default, blocking mode. The faults of that way are what the tests
-- are about, so they are kept: a reply is whatever one read returns, a late one stays in the
-- terminal, and a program that failed is never started again.

local lpty = require "lpty";
local new_sasl_handler = require "util.sasl".new;

local host = module.host;
assert(not host:find(":", 1, true), "a colon in the host cannot be told from a separator");

local command = assert(module:get_option_string("external_auth_command"), "external_auth_command is missing");
local timeout = module:get_option_number("external_auth_timeout", 5);
local max_query_bytes = 1000;

-- One terminal for the whole life of the module: bytes that nobody read outlive the program.
local terminal = lpty.new { throw_errors = false, no_local_echo = true, use_path = false };

local function is_running()
	if terminal:hasproc() then
		return true;
	end
	local how, code = terminal:exitstatus();
	if how and not (how == "exit" and code == 0) then
		module:log("warn", "The program ended with %s %d and stays ended", how, code);
		return false;
	end
	local started, problem = terminal:startproc(command);
	if not started then
		module:log("error", "The program does not start: %s", problem);
	end
	return started;
end

local function reply_to(query)
	if not is_running() then
		return nil;
	end
	terminal:send(query);
	local reply, problem = terminal:read(timeout);
	if not reply then
		module:log("warn", "No reply from the program: %s", problem);
		return nil;
	end
	return (reply:gsub("\r?\n$", "", 1));
end

local function ask(kind, username, password)
	if not username then
		return nil, "not-acceptable";
	end
	local query = table.concat({ kind, username, host, password }, ":");
	if #query > max_query_bytes then
		return nil, "policy-violation";
	end
	local reply = reply_to(query .. "\n");
	if reply == "1" then
		return true;
	elseif reply == "0" then
		return nil, "not-authorized";
	elseif reply and reply:sub(1, 6) == "error:" then
		module:log("warn", "The program says %q", reply);
	elseif reply then
		module:log("warn", "Cannot make sense of a reply of %d bytes", #reply);
	end
	return nil, "internal-server-error";
end

local provider = {};

function provider.test_password(username, password)
	return ask("auth", username, password);
end

function provider.set_password(username, password)
	return ask("setpass", username, password);
end

function provider.user_exists(username)
	return ask("isuser", username);
end

function provider.create_user()
	return nil, "Accounts cannot be created here.";
end

function provider.get_sasl_handler()
	return new_sasl_handler(host, {
		-- The second value tells that the account is not disabled.
		plain_test = function(_, username, password)
			return provider.test_password(username, password), true;
		end;
	});
end

local function stop()
	terminal:endproc();
end

module:hook_global("server-cleanup", stop);
module.unload = stop;
module:provides("auth", provider);
