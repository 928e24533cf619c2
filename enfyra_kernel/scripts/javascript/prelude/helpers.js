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

return helpful({
  $jwt: (payload, expires) => request("helpers.jwt", [payload, expires]),
  $bcrypt: asks("helpers.bcrypt.", ["hash", "compare"], "$bcrypt"),
  $fetch: (url, options = null) => request("helpers.fetch", [url, options]),
  $sleep: (milliseconds) => request("sleep", [milliseconds]),
  $crypto: asks("crypto.", ["randomUUID", "randomBytes", "sha256", "hmacSha256"], "$crypto"),
  $rateLimit: asks("helpers.rateLimit.",
    ["check", "byIp", "byUser", "byRoute", "byIpGlobal", "byUserGlobal", "status", "reset"], "$rateLimit"),
  autoSlug,
}, "$helpers");
