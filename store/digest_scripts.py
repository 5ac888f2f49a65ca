"""The Lua scripts of digests: which slot has come how far. Redis's own clock says how old a claim is."""

from __future__ import annotations

CLAIM_SLOT = """
-- KEYS: slot, newest slot of the digest. ARGV: 1 claim, 2 time of the slot, 3 lease in seconds, 4 life in seconds
local stored = redis.call('HMGET', KEYS[1], 'state', 'claim', 'until')
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
-- The same call again, after its first answer was lost.
if stored[1] == 'claimed' and stored[2] == ARGV[1] then return {'yours'} end
local state = stored[1] or 'open'
local left = stored[3] and tonumber(stored[3]) <= now
if not (state == 'open' or (state == 'claimed' and left)) then return {'left', state} end
local newest = redis.call('GET', KEYS[2])
if newest and tonumber(newest) > tonumber(ARGV[2]) then
  redis.call('HSET', KEYS[1], 'state', 'missed')
  redis.call('EXPIRE', KEYS[1], ARGV[4])
  return {'left', 'missed'}
end
redis.call('SET', KEYS[2], ARGV[2], 'EX', ARGV[4])
redis.call('HSET', KEYS[1], 'state', 'claimed', 'claim', ARGV[1], 'until', now + ARGV[3])
redis.call('EXPIRE', KEYS[1], ARGV[4])
return {'yours'}
"""

MOVE_SLOT = """
-- KEYS: slot. ARGV: 1 claim, 2 new state, 3 note, 4 life in seconds
local stored = redis.call('HMGET', KEYS[1], 'state', 'claim')
if stored[2] ~= ARGV[1] then return {'lost'} end
-- The same call again, after its first answer was lost.
if stored[1] == ARGV[2] then return {'moved'} end
if stored[1] ~= 'claimed' then return {'lost'} end
redis.call('HSET', KEYS[1], 'state', ARGV[2], 'note', ARGV[3])
redis.call('EXPIRE', KEYS[1], ARGV[4])
return {'moved'}
"""
