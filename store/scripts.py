"""The Lua scripts: each is one atomic step. One that writes answers a list whose first item says what happened."""

from __future__ import annotations

RECEIVE = """
-- KEYS: dedupe, intent, operation, audit, audit head, open, history lists...
-- ARGV: 1 deadline, 2 id, 3 schema, 4 record, 5 haste, 6 expected head, 7 new head, 8 entry, 9 due,
--       10 dedupe ttl, 11 intent ttl, 12 history length, 13 prefix of operation keys, 14 genesis head
local time = redis.call('TIME')
if tonumber(time[1]) + tonumber(time[2]) / 1000000 > tonumber(ARGV[1]) then return {'late'} end
local known = redis.call('GET', KEYS[1])
if known and redis.call('EXISTS', ARGV[13] .. known) == 1 then return {'known', known} end
local wished = redis.call('GET', KEYS[2])
if wished and redis.call('HGET', ARGV[13] .. wished, 'done') == '0' then
  -- Remembered, so that the same delivery does not become an operation of its own once this one is done.
  redis.call('SET', KEYS[1], wished, 'EX', ARGV[10])
  return {'known', wished}
end
local head = redis.call('GET', KEYS[5]) or ARGV[14]
if head ~= ARGV[6] then return {'head', head} end
redis.call('HSET', KEYS[3], 'schema', ARGV[3], 'revision', 0, 'done', 0, 'settled', 0, 'urgent', ARGV[5],
  'record', ARGV[4])
redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[10])
redis.call('SET', KEYS[2], ARGV[2], 'EX', ARGV[11])
redis.call('RPUSH', KEYS[4], ARGV[8])
redis.call('SET', KEYS[5], ARGV[7])
redis.call('ZADD', KEYS[6], ARGV[9], ARGV[2])
for index = 7, #KEYS do
  redis.call('LPUSH', KEYS[index], ARGV[2])
  redis.call('LTRIM', KEYS[index], 0, ARGV[12] - 1)
end
return {'created', ARGV[2]}
"""

COMMIT = """
-- KEYS: operation, audit, audit head, open, attempts, lock, rollouts, waiting, then for an end that counts for the
--       week: deeds
-- ARGV: 1 id, 2 expected revision, 3 schema, 4 record, 5 done, 6 settled, 7 haste, 8 writer, 9 lease token or '',
--       10 due, 11 retention, 12 place among the rollouts, 13 is an active rollout, 14 prefix of operation keys,
--       15 until when it waits for approval or 0, 16 expected head, 17 new head, 18 genesis head, entries...,
--       and with deeds: time, oldest to keep, most, deed
local last = #ARGV
if KEYS[9] then last = last - 4 end
local stored = redis.call('HMGET', KEYS[1], 'revision', 'writer')
if not stored[1] then return {'missing'} end
-- The same call again, after its first answer was lost.
if stored[2] == ARGV[8] then return {'written'} end
if ARGV[9] ~= '' and redis.call('GET', KEYS[6]) ~= ARGV[9] then return {'lease'} end
if stored[1] ~= ARGV[2] then return {'revision', stored[1]} end
local rollout = redis.call('HGET', KEYS[7], ARGV[12])
if ARGV[13] == '1' and rollout and rollout ~= ARGV[1] and redis.call('HGET', ARGV[14] .. rollout, 'done') == '0' then
  return {'rollout', rollout}
end
if last > 18 then
  local head = redis.call('GET', KEYS[3]) or ARGV[18]
  if head ~= ARGV[16] then return {'head', head} end
  for index = 19, last do redis.call('RPUSH', KEYS[2], ARGV[index]) end
  redis.call('SET', KEYS[3], ARGV[17])
end
if tonumber(ARGV[15]) > 0 then
  redis.call('ZADD', KEYS[8], ARGV[15], ARGV[1])
else
  redis.call('ZREM', KEYS[8], ARGV[1])
end
redis.call('HSET', KEYS[1], 'schema', ARGV[3], 'revision', ARGV[2] + 1, 'done', ARGV[5], 'settled', ARGV[6],
  'urgent', ARGV[7], 'writer', ARGV[8], 'record', ARGV[4])
if ARGV[13] == '1' then redis.call('HSET', KEYS[7], ARGV[12], ARGV[1]) end
if ARGV[13] == '1' or tonumber(ARGV[15]) > 0 then
  -- Who commits is alive. Attempts are not counted from 0 again: their numbers name jobs that RQ still remembers.
  redis.call('HSET', KEYS[1], 'forgiven', redis.call('GET', KEYS[5]) or 0)
elseif rollout == ARGV[1] then
  redis.call('HDEL', KEYS[7], ARGV[12])
  redis.call('HDEL', KEYS[1], 'forgiven')
end
if ARGV[6] == '1' then
  redis.call('ZREM', KEYS[4], ARGV[1])
  redis.call('DEL', KEYS[5])
  redis.call('EXPIRE', KEYS[1], ARGV[11])
else
  redis.call('ZADD', KEYS[4], ARGV[10], ARGV[1])
end
if KEYS[9] then
  redis.call('ZADD', KEYS[9], ARGV[last + 1], ARGV[last + 4])
  redis.call('ZREMRANGEBYSCORE', KEYS[9], '-inf', ARGV[last + 2])
  redis.call('ZREMRANGEBYRANK', KEYS[9], 0, -1 - tonumber(ARGV[last + 3]))
end
return {'written'}
"""

LATER = """
-- KEYS: operation, open, attempts. ARGV: 1 id, 2 due, 3 is put off
if not redis.call('ZSCORE', KEYS[2], ARGV[1]) or redis.call('EXISTS', KEYS[1]) == 0 then return {'settled'} end
redis.call('ZADD', KEYS[2], ARGV[2], ARGV[1])
-- Who puts it off has worked on it; who wants it sooner has not.
if ARGV[3] == '1' then redis.call('HDEL', KEYS[1], 'owed_at', 'owed_since') end
-- Who puts it off has outlived this try, which does not count then. Others may not have outlived theirs.
local tries = tonumber(redis.call('GET', KEYS[3]) or '0')
local forgiven = tonumber(redis.call('HGET', KEYS[1], 'forgiven') or '0')
redis.call('HSET', KEYS[1], 'forgiven', math.min(tries, forgiven + 1))
return {'written'}
"""

SAVE = """
-- KEYS: looked, then for each rollout its watch, then for each chart its points
-- ARGV: 1 until when the last look counted, 2 until when this one does and a word of its own, 3 life of a watch,
--       4 life of points, 5 most points, 6 count of watches, watches..., points...
local stored = redis.call('GET', KEYS[1]) or '0.0'
-- The same call again, after its first answer was lost.
if stored == ARGV[2] then return {'saved'} end
if string.match(stored, '^%S+') ~= ARGV[1] then return {'looked', stored} end
redis.call('SET', KEYS[1], ARGV[2])
local watches, answer = tonumber(ARGV[6]), {'saved'}
for index = 2, #KEYS do
  local value = ARGV[index + 5]
  if index <= watches + 1 then
    redis.call('SET', KEYS[index], value, 'EX', ARGV[3])
  else
    local length = redis.call('RPUSH', KEYS[index], value)
    redis.call('EXPIRE', KEYS[index], ARGV[4])
    if length > tonumber(ARGV[5]) then answer[#answer + 1] = KEYS[index] end
  end
end
return answer
"""

THIN = """
-- KEYS: points. ARGV: 1 how many there were, 2 life of points, fewer points...
if redis.call('LLEN', KEYS[1]) ~= tonumber(ARGV[1]) then return {'changed'} end
redis.call('DEL', KEYS[1])
for index = 3, #ARGV do redis.call('RPUSH', KEYS[1], ARGV[index]) end
redis.call('EXPIRE', KEYS[1], ARGV[2])
return {'thinned'}
"""

APPEND = """
-- KEYS: audit, audit head. ARGV: 1 expected head, 2 new head, 3 genesis head, 4 entry
local head = redis.call('GET', KEYS[2]) or ARGV[3]
if head ~= ARGV[1] then return {'head', head} end
redis.call('RPUSH', KEYS[1], ARGV[4])
redis.call('SET', KEYS[2], ARGV[2])
return {'written'}
"""

SNAPSHOT = """
-- KEYS: audit, audit head, audit start
-- No transaction, for a Redis that is full queues none, and reading the log is the way to make room.
return {redis.call('LLEN', KEYS[1]), redis.call('GET', KEYS[2]), redis.call('GET', KEYS[3])}
"""

PAGE = """
-- KEYS: audit, audit start. ARGV: 1 first, 2 last. Like SNAPSHOT.
return {redis.call('LRANGE', KEYS[1], ARGV[1], ARGV[2]), redis.call('GET', KEYS[2])}
"""

TRIM = """
-- KEYS: audit, audit head, audit start
-- ARGV: 1 expected head, 2 new head, 3 genesis head, 4 expected start, 5 new start, 6 count to take away, 7 entry
local head, start = redis.call('GET', KEYS[2]) or ARGV[3], redis.call('GET', KEYS[3]) or ARGV[3]
-- The same call again, after its first answer was lost.
if head == ARGV[2] and start == ARGV[5] then return {'written'} end
if start ~= ARGV[4] then return {'start'} end
if head ~= ARGV[1] then return {'head', head} end
-- First what makes room: a Redis that is full lets a script add only after that (and LTRIM counts from the beginning).
redis.call('LTRIM', KEYS[1], ARGV[6], -1)
redis.call('RPUSH', KEYS[1], ARGV[7])
redis.call('SET', KEYS[2], ARGV[2])
redis.call('SET', KEYS[3], ARGV[5])
return {'written'}
"""

LIFT = """
-- KEYS: freezes. ARGV: 1 id, 2 as it was read, 3 as it is once lifted
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return {'changed'} end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
return {'lifted'}
"""

TAKE = """
-- KEYS: bucket. ARGV: 1 most tokens, 2 life in seconds
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
local most = tonumber(ARGV[1])
local stored = redis.call('HMGET', KEYS[1], 'tokens', 'at')
-- A clock that was put back must not take tokens away.
local tokens = tonumber(stored[1] or most) + math.max(0, now - tonumber(stored[2] or now)) * most / 60
if tokens > most then tokens = most end
local taken = tokens >= 1
if taken then tokens = tokens - 1 end
redis.call('HSET', KEYS[1], 'tokens', tostring(tokens), 'at', string.format('%.6f', now))
redis.call('EXPIRE', KEYS[1], ARGV[2])
if taken then return {'taken'} end
return {'wait', tostring((1 - tokens) * 60 / most)}
"""

LOCK = """
-- KEYS: lock, fence. ARGV: 1 ttl in milliseconds
if redis.call('EXISTS', KEYS[1]) == 1 then return {'taken'} end
-- Also the time in microseconds: after a failover that forgot the last leases, no token is given a second time.
local time = redis.call('TIME')
local token = math.max(tonumber(redis.call('GET', KEYS[2]) or '0') + 1, time[1] * 1000000 + time[2])
token = string.format('%.0f', token)
redis.call('SET', KEYS[2], token)
redis.call('SET', KEYS[1], token, 'PX', ARGV[1])
return {'held', token}
"""

RENEW = """
-- KEYS: lock. ARGV: 1 token, 2 ttl in milliseconds
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return {'lost'} end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return {'held'}
"""

RELEASE = """
-- KEYS: lock. ARGV: 1 token
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return {'lost'} end
redis.call('DEL', KEYS[1])
return {'free'}
"""

CLAIM = """
-- KEYS: operation, open, attempts, urgent queue, normal queue, queue of what was handed on
-- ARGV: 1 id, 2 now, 3 next due, 4 due after giving up, 5 most attempts, 6 prefix of jobs, 7 end of what was handed on
local due = redis.call('ZSCORE', KEYS[2], ARGV[1])
if not due or tonumber(due) > tonumber(ARGV[2]) then return {'taken'} end
local stored = redis.call('HMGET', KEYS[1], 'settled', 'urgent', 'done', 'forgiven', 'revision', 'owed_at')
if stored[1] ~= '0' then
  redis.call('ZREM', KEYS[2], ARGV[1])
  return {'settled'}
end
-- Each hand-out moves the due time on, so that says nothing of how long nobody has worked on it.
if stored[5] ~= stored[6] then redis.call('HSET', KEYS[1], 'owed_at', stored[5], 'owed_since', due) end
local last = tonumber(redis.call('GET', KEYS[3]) or '0')
-- What is done only waits to be told, and that harms nobody: it is never given up.
if last - tonumber(stored[4] or '0') >= tonumber(ARGV[5]) and stored[3] ~= '1' then
  redis.call('ZADD', KEYS[2], ARGV[4], ARGV[1])
  return {'stuck', last}
end
redis.call('ZADD', KEYS[2], ARGV[3], ARGV[1])
local queue = KEYS[5]
if stored[2] == '1' then queue = KEYS[4] end
local job = ARGV[1] .. '-' .. last
if redis.call('LPOS', queue, job) then return {'waiting'} end
-- What nobody took in time is gone, and stays in its list.
job = job .. ARGV[7]
if redis.call('LPOS', KEYS[6], job) and redis.call('EXISTS', ARGV[6] .. job) == 1 then return {'waiting'} end
redis.call('INCR', KEYS[3])
return {'enqueue', last + 1, stored[2]}
"""

INCIDENT = """
-- KEYS: incident, newest by service, due, audit, audit head
-- ARGV: 1 id, 2 service, 3 expected revision, 4 schema, 5 record, 6 writer, 7 settled, 8 due, 9 retention, 10 former,
--       11 prefix of incident keys, 12 expected head, 13 new head, 14 genesis head, entries...
local stored = redis.call('HMGET', KEYS[1], 'revision', 'writer')
-- The same call again, after its first answer was lost.
if stored[2] == ARGV[6] then return {'written'} end
if (stored[1] or '0') ~= ARGV[3] then return {'conflict'} end
if not stored[1] then
  local newest = redis.call('HGET', KEYS[2], ARGV[2]) or ''
  -- One whose record was forgotten stands in nobody's way.
  if newest ~= ARGV[10] and redis.call('EXISTS', ARGV[11] .. newest) == 1 then return {'conflict'} end
end
if #ARGV > 14 then
  local head = redis.call('GET', KEYS[5]) or ARGV[14]
  if head ~= ARGV[12] then return {'head', head} end
  for index = 15, #ARGV do redis.call('RPUSH', KEYS[4], ARGV[index]) end
  redis.call('SET', KEYS[5], ARGV[13])
end
redis.call('HSET', KEYS[1], 'schema', ARGV[4], 'revision', ARGV[3] + 1, 'writer', ARGV[6], 'record', ARGV[5])
if not stored[1] then redis.call('HSET', KEYS[2], ARGV[2], ARGV[1]) end
if ARGV[7] == '1' then
  redis.call('ZREM', KEYS[3], ARGV[1])
  redis.call('EXPIRE', KEYS[1], ARGV[9])
else
  redis.call('PERSIST', KEYS[1])
  redis.call('ZADD', KEYS[3], ARGV[8], ARGV[1])
end
return {'written'}
"""

INCIDENT_LATER = """
-- KEYS: due. ARGV: 1 id, 2 due
redis.call('ZADD', KEYS[1], 'XX', ARGV[2], ARGV[1])
return {'written'}
"""

INCIDENT_CLAIM = """
-- KEYS: due, incident. ARGV: 1 id, 2 now, 3 next due
local due = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not due or tonumber(due) > tonumber(ARGV[2]) then return {'taken'} end
if redis.call('EXISTS', KEYS[2]) == 0 then
  redis.call('ZREM', KEYS[1], ARGV[1])
  return {'gone'}
end
redis.call('ZADD', KEYS[1], ARGV[3], ARGV[1])
return {'enqueue', redis.call('HINCRBY', KEYS[2], 'attempts', 1)}
"""
