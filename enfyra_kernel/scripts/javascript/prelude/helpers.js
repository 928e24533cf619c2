// The helpers.
const { part, helpful } = shared;
const { request, asks } = part("requests");

// Letters that no decomposition turns into plain ones.
const letters = { đ: "d", Đ: "D", ø: "o", Ø: "O", ß: "ss", æ: "ae", Æ: "AE", ł: "l", Ł: "L" };

function autoSlug(text, { separator = "-", lowercase = true, trim = true, maxLength = 100 } = {}) {
  let plain = String(text ?? "").replace(/[đĐøØßæÆłŁ]/g, (letter) => letters[letter]);
  plain = plain.normalize("NFKD").replace(/\p{M}/gu, "");
  if (lowercase) plain = plain.toLowerCase();
  const slug = plain.split(/[^A-Za-z0-9]+/).filter(Boolean).join(separator).slice(0, maxLength);
  if (!trim || !separator) return slug;
  let [begin, end] = [0, slug.length];
  while (begin < end && separator.includes(slug[begin])) begin++;
  while (end > begin && separator.includes(slug[end - 1])) end--;
  return slug.slice(begin, end);
}

const $jwt = (payload, expires) => request("helpers.jwt", [payload, expires]);
const $verifyJwt = (token) => request("helpers.verifyJwt", [token]);
const $crypto = asks("crypto.", ["randomUUID", "randomBytes", "sha256", "hmacSha256", "generateSshKeyPair"], "$crypto");
$crypto.generateSshKeyPair = (options) => request("helpers.crypto.generateSshKeyPair", [options]);

return helpful({
  $jwt,
  $verifyJwt,
  $bcrypt: asks("helpers.bcrypt.", ["hash", "compare"], "$bcrypt"),
  $fetch: (url, options = null) => request("helpers.fetch", [url, options]),
  $sleep: (milliseconds) => request("sleep", [milliseconds]),
  $crypto,
  $rateLimit: asks("helpers.rateLimit.",
    ["check", "byIp", "byUser", "byRoute", "byIpGlobal", "byUserGlobal", "status", "reset"], "$rateLimit"),
  autoSlug,
}, "$helpers");
