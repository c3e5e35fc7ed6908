-- For tests only: authenticates against a child process on a pseudo-terminal, with the habits of
-- the community module mod_auth_external in its blocking mode. The habits that matter, and that
-- a child has to survive:
--   * one request is written, then one read with a timeout is the reply, whatever it holds;
--   * after a timeout nothing is drained and nobody is killed;
--   * the first request is written while the terminal may still echo;
--   * a child that ended with status 0 is replaced at the next request, any other never;
--   * passwords of in-band changes are passed on as they stand in the XML.

local lpty = require "lpty";
local new_sasl = require "util.sasl".new;

local host = module.host;
local command = module:get_option_string("pty_child_command");
local timeout = module:get_option_number("pty_child_timeout", 5);
local longest_request = 1000;

local pty = lpty.new({ throw_errors = false, no_local_echo = true, use_path = false });

local function has_child()
	if pty:hasproc() then return true; end
	local how, code = pty:exitstatus();
	if how and not (how == "exit" and code == 0) then
		module:log("warn", "the child ended with %s %s and is not replaced", how, code);
		return false;
	end
	return pty:startproc(command);
end

local function ask(kind, username, password)
	if not username then return nil, "not-acceptable"; end
	local request = kind .. ":" .. username .. ":" .. host;
	if password then request = request .. ":" .. password; end
	if #request > longest_request then return nil, "policy-violation"; end
	if not has_child() then return nil, "internal-server-error"; end
	pty:send(request .. "\n");
	local reply, problem = pty:read(timeout);
	if not reply then
		module:log("warn", "no reply to %s: %s", kind, problem or "timeout");
		return nil, "internal-server-error";
	end
	local word = reply:gsub("\r?\n$", "");
	if word == "1" then return true; end
	if word == "0" then return false; end
	module:log("warn", "%d bytes are no reply to %s", #reply, kind);
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
	return nil, "Accounts are made in the directory.";
end

function provider.get_sasl_handler()
	return new_sasl(host, {
		plain_test = function (_, username, password)
			return ask("auth", username, password), true;
		end,
	});
end

local function stop()
	if pty:hasproc() then pty:endproc(); end
end

module:hook_global("server-cleanup", stop);
function module.unload() stop(); end

module:provides("auth", provider);
