// The helpers.
const { part, helpful } = shared;
const { request, asks } = part("requests");

function autoSlug(text, { separator = "-", lowercase = true, trim = true, maxLength = 100 } = {}) {
  let slug = String(text ?? "").normalize("NFD").replace(/\p{M}/gu, "").replace(/đ/g, "d").replace(/Đ/g, "D");
  if (lowercase) slug = slug.toLowerCase();
  slug = slug.replace(/[^\p{L}\p{N}]+/gu, "\0");
  if (trim) slug = slug.replace(/^\0|\0$/g, "");
  slug = slug.slice(0, maxLength);
  if (trim) slug = slug.replace(/\0$/, "");
  return slug.replaceAll("\0", separator);
}

const $jwt = (payload, expires) => request("helpers.jwt", [payload, expires]);
$jwt.verify = (token) => request("helpers.jwt.verify", [token]);
const $crypto = asks("crypto.", ["randomUUID", "randomBytes", "sha256", "hmacSha256", "generateSshKeyPair"], "$crypto");
$crypto.generateSshKeyPair = (options) => request("helpers.crypto.generateSshKeyPair", [options]);

return helpful({
  $jwt,
  $bcrypt: asks("helpers.bcrypt.", ["hash", "compare"], "$bcrypt"),
  $fetch: (url, options = null) => request("helpers.fetch", [url, options]),
  $sleep: (milliseconds) => request("sleep", [milliseconds]),
  $crypto,
  $rateLimit: asks("helpers.rateLimit.",
    ["check", "byIp", "byUser", "byRoute", "byIpGlobal", "byUserGlobal", "status", "reset"], "$rateLimit"),
  autoSlug,
}, "$helpers");
