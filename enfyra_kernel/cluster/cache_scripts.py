"""What the cache does in Redis, in Lua: each script is one step.

KEYS: the entry, then the indexes `used` and `ends` (sorted sets of keys) and `sizes` (a hash of
keys; its field without a name has the sum). ARGV begins with what the keys of entries begin with,
and the key. Redis has to be a single one, not a Redis Cluster: entries that go are found by index.
"""

from __future__ import annotations

_COMMON = """
local entry, used, ends, sizes = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local prefix, key = ARGV[1], ARGV[2]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local function forget(name)
  local size = redis.call('HGET', sizes, name)
  if size then
    redis.call('HDEL', sizes, name)
    redis.call('HINCRBY', sizes, '', -size)
  end
  redis.call('ZREM', used, name)
  redis.call('ZREM', ends, name)
end

local function drop(name)
  forget(name)
  return redis.call('DEL', prefix .. name)
end

local function touch(ttl)
  redis.call('ZADD', used, string.format('%.0f', time[1] * 1000000 + time[2]), key)
  if ttl > 0 then
    redis.call('PEXPIRE', entry, ttl)
    redis.call('ZADD', ends, string.format('%.0f', now + ttl), key)
  end
end
"""

GET = (
    _COMMON
    + """
local found = redis.call('HMGET', entry, 'value', 'renewed')
if not found[1] then
  forget(key)
  return false
end
touch(found[2] == '1' and tonumber(ARGV[3]) or 0)
return found[1]
"""
)

PEEK = "return redis.call('HGET', KEYS[1], 'value')"

DELETE = _COMMON + "return drop(key)"

RELEASE = (
    _COMMON
    + """
local found = redis.call('HGET', entry, 'value')
if found == ARGV[3] then return drop(key) end
return found
"""
)

SET = (
    _COMMON
    + """
local value, ttl, renewed = ARGV[3], tonumber(ARGV[4]), ARGV[5]
local size, limit, if_absent = tonumber(ARGV[6]), tonumber(ARGV[7]), ARGV[8]
if if_absent == '1' and redis.call('EXISTS', entry) == 1 then return 0 end

drop(key)
while true do
  local past = string.format('%.0f', now)
  local over = redis.call('ZRANGEBYSCORE', ends, '-inf', past, 'LIMIT', 0, 100)
  if #over == 0 then break end
  for _, name in ipairs(over) do drop(name) end
end
while tonumber(redis.call('HGET', sizes, '') or '0') + size > limit do
  local oldest = redis.call('ZRANGE', used, 0, 0)
  if #oldest == 0 then
    redis.call('DEL', sizes)
    break
  end
  drop(oldest[1])
end

redis.call('HSET', entry, 'value', value, 'renewed', renewed)
redis.call('HSET', sizes, key, string.format('%.0f', size))
redis.call('HINCRBY', sizes, '', string.format('%.0f', size))
touch(ttl)
return 1
"""
)
