"""What has to happen in Redis at once: four scripts, each with the keys of one slot.

A key of ours that holds something else (another program wrote it) is emptied, and used as if nothing had been there.
"""

from __future__ import annotations

from typing import Final

_PRELUDE: Final = """
local function own(key, kind)
  local is = redis.call('TYPE', key)['ok']
  if is ~= kind and is ~= 'none' then redis.call('DEL', key) end
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
"""

TOUCH: Final = (
    _PRELUDE
    + """
-- KEYS: seen, facts, clock, pause, uses, when uses changed.
-- ARGV: node, name, lease in ms, longest usual pause in ms, keep in ms, fact, longest fact, parts of uses of a node,
-- longest part, since when parts are to be given, number of an own part, part, number, part ...
-- Gives {1, had its lease (1 or 0), time now, time of the first sign of life after the last pause or 0,
-- own parts are there (1 or 0), {field, part, field, part ...},
-- node, fact, its last sign of life, node, fact, its last sign of life ...}, or {0, the other node of that name}.
local node, name, lease, keep = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[5])
own(KEYS[1], 'zset') own(KEYS[2], 'hash') own(KEYS[3], 'string') own(KEYS[4], 'string')
own(KEYS[5], 'hash') own(KEYS[6], 'zset')
-- Nobody was here for some time: Redis stood still, or its clock was set. Nobody's lease ends by that.
local last = tonumber(redis.call('GET', KEYS[3]) or now) or now
local pause = now - last
if pause < 0 or pause > tonumber(ARGV[4]) then
  local all = redis.call('ZRANGE', KEYS[1], 0, 4095, 'WITHSCORES')
  for i = 1, #all, 2 do redis.call('ZADD', KEYS[1], all[i + 1] + pause, all[i]) end
  redis.call('SET', KEYS[4], now, 'PX', keep)
end
for _, early in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. now, '+inf', 'LIMIT', 0, 4096)) do
  redis.call('ZADD', KEYS[1], now, early)
end
for _, gone in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now - lease, 'LIMIT', 0, 4096)) do
  redis.call('ZREM', KEYS[1], gone)
  redis.call('HDEL', KEYS[2], gone)
  for i = 0, ARGV[8] - 1 do
    redis.call('HDEL', KEYS[5], gone .. '/' .. i)
    redis.call('ZREM', KEYS[6], gone .. '/' .. i)
  end
end
redis.call('SET', KEYS[3], now, 'PX', keep)
local had = redis.call('ZSCORE', KEYS[1], node)
if not had then
  for _, other in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
    if string.sub(other, 1, -10) == name then return {0, other} end
  end
end
redis.call('ZADD', KEYS[1], now, node)
if ARGV[6] ~= '' then redis.call('HSET', KEYS[2], node, ARGV[6]) end
for i = 11, #ARGV - 1, 2 do
  redis.call('HSET', KEYS[5], node .. '/' .. ARGV[i], ARGV[i + 1])
  redis.call('ZADD', KEYS[6], now, node .. '/' .. ARGV[i])
end
local most = redis.call('ZCARD', KEYS[1]) * ARGV[8]
if redis.call('ZCARD', KEYS[6]) > most or redis.call('HLEN', KEYS[5]) > most then -- strangers': who lives says it again
  redis.call('DEL', KEYS[5], KEYS[6])
end
for _, key in ipairs({KEYS[1], KEYS[2], KEYS[5], KEYS[6]}) do redis.call('PEXPIRE', key, keep) end
if redis.call('HLEN', KEYS[2]) > redis.call('ZCARD', KEYS[1]) then
  for _, stranger in ipairs(redis.call('HKEYS', KEYS[2])) do
    if not redis.call('ZSCORE', KEYS[1], stranger) then redis.call('HDEL', KEYS[2], stranger) end
  end
end
local paused = tonumber(redis.call('GET', KEYS[4]) or '') or 0
local has_uses = redis.call('ZSCORE', KEYS[6], node .. '/0') and redis.call('HEXISTS', KEYS[5], node .. '/0') == 1
local since, uses = tonumber(ARGV[10]), {}
if since > now then since = 0 end
for _, field in ipairs(redis.call('ZRANGEBYSCORE', KEYS[6], since, '+inf', 'LIMIT', 0, 65536)) do
  local size = redis.call('HSTRLEN', KEYS[5], field)
  if size > 0 and size <= tonumber(ARGV[9]) and #field <= 128 then
    uses[#uses + 1] = field
    uses[#uses + 1] = redis.call('HGET', KEYS[5], field)
  end
end
local answer = {1, had and 1 or 0, string.format('%.0f', now), string.format('%.0f', paused), has_uses and 1 or 0, uses}
local all = redis.call('ZREVRANGE', KEYS[1], 0, 4095, 'WITHSCORES')
for i = 1, #all, 2 do
  local other, fact = all[i], ''
  if redis.call('HSTRLEN', KEYS[2], other) <= tonumber(ARGV[7]) then
    fact = redis.call('HGET', KEYS[2], other) or ''
  end
  answer[#answer + 1] = other
  answer[#answer + 1] = fact
  answer[#answer + 1] = all[i + 1]
end
return answer
"""
)

GO: Final = """
-- KEYS: seen, facts, uses, when uses changed. ARGV: node, parts of its uses. Its lease is over.
redis.call('ZREM', KEYS[1], ARGV[1])
redis.call('HDEL', KEYS[2], ARGV[1])
for i = 0, ARGV[2] - 1 do
  redis.call('HDEL', KEYS[3], ARGV[1] .. '/' .. i)
  redis.call('ZREM', KEYS[4], ARGV[1] .. '/' .. i)
end
return 1
"""

WRITE: Final = (
    _PRELUDE
    + """
-- KEYS: members, facts. ARGV: node, keep in ms, last write or 'all' or 'leave', this write, how many facts,
-- key, fact, key, fact ..., key taken back, ...
-- Gives {1, member, member ...}; {0}: the last write is not there, nothing was done.
local node, keep, mode = ARGV[1], tonumber(ARGV[2]), ARGV[3]
own(KEYS[1], 'zset') own(KEYS[2], 'hash')
if mode == 'leave' then
  redis.call('ZREM', KEYS[1], node)
  redis.call('DEL', KEYS[2])
else
  if mode == 'all' then
    redis.call('DEL', KEYS[2])
  elseif redis.call('HGET', KEYS[2], '#seq') ~= mode then
    return {0}
  end
  redis.call('HSET', KEYS[2], '#seq', ARGV[4])
  local drops = 6 + 2 * ARGV[5]
  for i = 6, drops - 1, 2 do redis.call('HSET', KEYS[2], ARGV[i], ARGV[i + 1]) end
  for i = drops, #ARGV do redis.call('HDEL', KEYS[2], ARGV[i]) end
  redis.call('PEXPIRE', KEYS[2], keep)
  redis.call('ZADD', KEYS[1], now, node)
  redis.call('PEXPIRE', KEYS[1], keep)
end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - keep)
for _, early in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. now, '+inf', 'LIMIT', 0, 4096)) do
  redis.call('ZADD', KEYS[1], now, early)
end
local answer = redis.call('ZREVRANGE', KEYS[1], 0, 4095)
table.insert(answer, 1, 1)
return answer
"""
)

READ: Final = """
-- KEYS: facts. ARGV: last write that is known, longest fact, how many bytes in all, who reads ('': what is for
-- anybody), how many facts for one reader, and for all of them together: with more, none is looked at
-- Gives {}: nothing is there; {last write}: all that is for the reader is known;
-- {last write, how many were too long, how many were too many, how many were looked at, key, fact ...}
if redis.call('TYPE', KEYS[1])['ok'] ~= 'hash' or redis.call('HSTRLEN', KEYS[1], '#seq') > 20 then return {} end
local seq = redis.call('HGET', KEYS[1], '#seq')
if not seq then return {} end
local known, last, reader = tonumber(ARGV[1]), tonumber(seq), ARGV[4]
local for_all = tonumber(redis.call('HGET', KEYS[1], '#all') or seq)
local for_one = tonumber(redis.call('HGET', KEYS[1], '#to:' .. reader) or 0)
if last and for_all and for_one and known > 0 and known <= last and known >= for_all and known >= for_one then
  return {seq}
end
local there, most = redis.call('HLEN', KEYS[1]), tonumber(ARGV[5])
if there > tonumber(ARGV[6]) then return {seq, 0, there, 0} end
local answer, too_long, too_many, left = {seq, 0, 0, there}, 0, 0, tonumber(ARGV[3])
for _, key in ipairs(redis.call('HKEYS', KEYS[1])) do
  local size = redis.call('HSTRLEN', KEYS[1], key)
  local kind, to = string.match(key, '^(%l+)/[^/]*/([^/:]*)[^/]*/')
  local is_for_one = kind == 'want' or kind == 'pipe' or kind == 'piped'
  if string.sub(key, 1, 1) ~= '#' and (not is_for_one or reader == '' or to == reader) then
    if size > tonumber(ARGV[2]) or #key > 1024 or size + #key > left then
      too_long = too_long + 1
    elseif most == 0 then
      too_many = too_many + 1
    else
      most = most - 1
      left = left - size - #key
      answer[#answer + 1] = key
      answer[#answer + 1] = redis.call('HGET', KEYS[1], key)
    end
  end
end
answer[2], answer[3] = too_long, too_many
return answer
"""
