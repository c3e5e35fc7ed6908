-- For tests only: signs users in by a service that is asked with Prosody's own HTTP client, by the
-- paths, fields and credentials that the community module mod_auth_http has.

local async = require "util.async";
local base64 = require "util.encodings".base64;
local http = require "net.http";
local sasl = require "util.sasl";

local service = module:get_option_string("asks_http_service");
local authorization = "Basic " .. base64.encode(module:get_option_string("asks_http_credentials"));

local function ask(question, user, password, is_change)
	local fields = http.formencode({ user = user, server = module.host, pass = password });
	local options = { method = "GET", headers = { Authorization = authorization } };
	local url = service .. question;
	if is_change then
		options.method, options.body = "POST", fields;
		options.headers["Content-Type"] = "application/x-www-form-urlencoded";
	else
		url = url .. "?" .. fields;
	end
	local wait, done = async.waiter();
	local status, text;
	http.request(url, options, function (body, code)
		status, text = code, body;
		done();
	end);
	wait();
	return status, text;
end

local provider = {};

function provider.test_password(user, password)
	local status, text = ask("/check_password", user, password);
	return status == 200 and text == "true", status .. " " .. text;
end

function provider.user_exists(user)
	local status, text = ask("/user_exists", user);
	return status == 200 and text == "true";
end

function provider.set_password(user, password)
	local status, text = ask("/set_password", user, password, true);
	return status == 204, status .. " " .. text;
end

function provider.get_sasl_handler()
	return sasl.new(module.host, {
		plain_test = function (_, user, password)
			return provider.test_password(user, password), true;
		end;
	});
end

module:provides("auth", provider);
