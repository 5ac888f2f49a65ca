"""The Lua scripts of the outbox: each is one atomic step. Every script answers a list that says what happened."""

from __future__ import annotations

PUT = """
-- KEYS: row, lane, lanes, counts, waiting entries of its thread
-- ARGV: 1 key, 2 letter, 3 digest, 4 version, 5 once, 6 must, 7 urgency, 8 channel, 9 now, 10 known timestamp,
--       11 is an entry of a thread, 12 prefix of rows
local stored = redis.call('HMGET', KEYS[1], 'fate', 'digest', 'version', 'ts', 'posted_in')
local fate, ts, where = stored[1], stored[4] or ARGV[10], stored[5] or ''
if fate then
  if ARGV[5] == '1' then return {'known', ts, where} end
  if tonumber(ARGV[4]) < tonumber(stored[3]) then return {'stale', ts, where} end
  local wanted = fate == 'unknown' and ARGV[6] == '1'
  if ARGV[3] == stored[2] and not wanted then
    -- It says the same, but what was drawn before it must not take its place any more, and it may matter more now.
    redis.call('HSET', KEYS[1], 'letter', ARGV[2], 'version', ARGV[4])
    return {'same', ts, where}
  end
  -- What was posted before it was lost is where it was: an edit shows whether it still can be touched.
  if fate == 'lost' or wanted then fate = ts ~= '' and 'posted' or 'waiting' end
elseif ts ~= '' then
  fate = 'posted'
else
  fate = 'waiting'
end
redis.call('HSET', KEYS[1], 'letter', ARGV[2], 'digest', ARGV[3], 'version', ARGV[4], 'fate', fate, 'ts', ts)
redis.call('HSETNX', KEYS[1], 'attempts', 0)
redis.call('HINCRBY', KEYS[1], 'drawing', 1)
-- What may have been posted and is not worth a second message waits for a drawing that is.
if fate == 'unknown' then return {'unknown', ts, where} end
redis.call('PERSIST', KEYS[1])
if not redis.call('ZSCORE', KEYS[2], ARGV[1]) then
  redis.call('HSET', KEYS[1], 'unsent_since', redis.call('TIME')[1])
end
local order = tonumber(ARGV[7]) * 1000000000000 + redis.call('HINCRBY', KEYS[4], ARGV[8], 1)
redis.call('HSET', KEYS[1], 'order', string.format('%.0f', order))
-- What waits keeps its turn, unless the new drawing is more urgent.
redis.call('ZADD', KEYS[2], 'LT', string.format('%.0f', order), ARGV[1])
redis.call('ZADD', KEYS[3], 'LT', ARGV[9], ARGV[8])
if ARGV[11] == '1' then
  -- A thread is told in order: what waits of it already must be as urgent as what follows.
  for _, entry in ipairs(redis.call('LRANGE', KEYS[5], 0, -1)) do
    if redis.call('ZSCORE', KEYS[2], entry) then
      local turn = tonumber(redis.call('HGET', ARGV[12] .. entry, 'order')) % 1000000000000
      redis.call('ZADD', KEYS[2], 'LT', string.format('%.0f', tonumber(ARGV[7]) * 1000000000000 + turn), entry)
    else
      redis.call('LREM', KEYS[5], 1, entry)
    end
  end
  redis.call('RPUSH', KEYS[5], ARGV[1])
  redis.call('EXPIRE', KEYS[5], 691200)
end
return {'written', ts, where}
"""

REVIVE = """
-- KEYS: row, lane, lanes, counts
-- ARGV: 1 key, 2 channel, 3 now
local stored = redis.call('HMGET', KEYS[1], 'fate', 'order', 'ts')
if stored[1] ~= 'lost' then return {'same'} end
local fate = (stored[3] or '') ~= '' and 'posted' or 'waiting'
redis.call('HSET', KEYS[1], 'fate', fate, 'failures', 0, 'not_before', 0, 'why', '',
  'unsent_since', redis.call('TIME')[1])
redis.call('PERSIST', KEYS[1])
redis.call('HINCRBY', KEYS[4], ARGV[2], 1)
redis.call('ZADD', KEYS[2], 'LT', stored[2], ARGV[1])
redis.call('ZADD', KEYS[3], 'LT', ARGV[3], ARGV[2])
return {'written'}
"""

BEGIN = """
-- KEYS: row, lock, paces
-- ARGV: 1 lease token, 2 expected attempts, 3 now, 4 fate, 5 client, 6 this try, 7 pace, 8 seconds each, 9 burst,
--       10 drawing that is sent
local stored = redis.call('HMGET', KEYS[1], 'attempts', 'try')
-- The same call again, after its first answer was lost.
if stored[2] == ARGV[6] then return {'begun'} end
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return {'lease'} end
if stored[1] ~= ARGV[2] then return {'touched'} end
local now, each = tonumber(ARGV[3]), tonumber(ARGV[8])
if each > 0 then
  local spent = tonumber(redis.call('HGET', KEYS[3], ARGV[7]) or '0')
  local free = spent - (tonumber(ARGV[9]) - 1) * each
  if free > now then return {'wait', string.format('%.6f', free)} end
  redis.call('HSET', KEYS[3], ARGV[7], string.format('%.6f', math.max(spent, now) + each))
end
redis.call('HINCRBY', KEYS[1], 'attempts', 1)
redis.call('HSET', KEYS[1], 'fate', ARGV[4], 'client', ARGV[5], 'try', ARGV[6], 'since', ARGV[3],
  'sending', ARGV[10])
return {'begun'}
"""

SETTLE = """
-- KEYS: row, lane
-- ARGV: 1 key, 2 expected attempts, 3 drawing as known, 4 waits, 5 life, 6 fate, fields and values...
if redis.call('HGET', KEYS[1], 'attempts') ~= ARGV[2] then return {'touched'} end
local newer = tonumber(redis.call('HGET', KEYS[1], 'drawing')) > tonumber(ARGV[3])
local fate = ARGV[6]
local seen = redis.call('HGET', KEYS[1], 'sent')
redis.call('HSET', KEYS[1], 'fate', fate, unpack(ARGV, 7))
-- What was drawn anew meanwhile was put with this row still on its way: it deserves a try of its own.
if newer and (fate == 'unknown' or fate == 'lost') then
  local ts = redis.call('HGET', KEYS[1], 'ts') or ''
  redis.call('HSET', KEYS[1], 'fate', ts ~= '' and 'posted' or 'waiting')
end
if newer then
  -- People saw the last drawing: only the newer one waits.
  if redis.call('HGET', KEYS[1], 'sent') ~= seen then
    redis.call('HSET', KEYS[1], 'unsent_since', redis.call('TIME')[1])
  end
  redis.call('ZADD', KEYS[2], redis.call('HGET', KEYS[1], 'order'), ARGV[1])
elseif ARGV[4] == '1' then
  redis.call('HSETNX', KEYS[1], 'unsent_since', redis.call('TIME')[1])
  redis.call('ZADD', KEYS[2], 'NX', redis.call('HGET', KEYS[1], 'order'), ARGV[1])
else
  redis.call('ZREM', KEYS[2], ARGV[1])
  redis.call('HDEL', KEYS[1], 'unsent_since')
  redis.call('EXPIRE', KEYS[1], ARGV[5])
end
return {'written'}
"""

SPEND = """
-- KEYS: paces. ARGV: 1 pace, 2 seconds each, 3 burst, 4 now
local now, each = tonumber(ARGV[4]), tonumber(ARGV[2])
local spent = tonumber(redis.call('HGET', KEYS[1], ARGV[1]) or '0')
local free = spent - (tonumber(ARGV[3]) - 1) * each
if free > now then return {'wait', string.format('%.6f', free)} end
redis.call('HSET', KEYS[1], ARGV[1], string.format('%.6f', math.max(spent, now) + each))
return {'spent'}
"""

SLOW = """
-- KEYS: paces. ARGV: 1 pace, 2 spent until
local spent = tonumber(redis.call('HGET', KEYS[1], ARGV[1]) or '0')
if tonumber(ARGV[2]) > spent then redis.call('HSET', KEYS[1], ARGV[1], ARGV[2]) end
return {'written'}
"""

REST = """
-- KEYS: lane, lanes, counts. ARGV: 1 channel, 2 seen, 3 due or ''
local count = redis.call('HGET', KEYS[3], ARGV[1]) or '0'
if redis.call('ZCARD', KEYS[1]) == 0 then
  redis.call('ZREM', KEYS[2], ARGV[1])
elseif count == ARGV[2] and ARGV[3] ~= '' then
  redis.call('ZADD', KEYS[2], ARGV[3], ARGV[1])
else
  redis.call('ZADD', KEYS[2], 0, ARGV[1])
end
return {'written'}
"""

HAND_OUT = """
-- KEYS: lanes, numbers of jobs, queue. ARGV: 1 channel, 2 now, 3 next due, 4 prefix of job ids
local due = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not due or tonumber(due) > tonumber(ARGV[2]) then return {'taken'} end
redis.call('ZADD', KEYS[1], ARGV[3], ARGV[1])
local last = redis.call('HGET', KEYS[2], ARGV[1]) or '0'
if redis.call('LPOS', KEYS[3], ARGV[4] .. last) then return {'waiting'} end
return {'enqueue', redis.call('HINCRBY', KEYS[2], ARGV[1], 1)}
"""
