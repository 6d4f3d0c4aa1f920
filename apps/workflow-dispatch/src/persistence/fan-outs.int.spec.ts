import { openDatabase } from '#lib/event-sourcing';
import type { DataSource } from 'typeorm';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startTestPostgres, type TestPostgres } from '../../../../test/servers/postgres.ts';
import type { FanOuts } from '../predecessor.ts';
import { readRecorded, recordFanOuts } from './fan-outs.ts';
import { migrations } from './migrations.ts';

let postgres: TestPostgres;
let database: DataSource;
beforeAll(async () => {
  postgres = await startTestPostgres();
  database = await openDatabase({ url: postgres.url, schema: 'dispatch', migrations });
});
afterAll(async () => {
  await database.destroy();
  await postgres.stop();
});

const hold = { partition: 5, token: 7, epoch: 'e1' };
const of = (position: number, ...stored: string[]): FanOuts =>
  new Map([
    [
      position,
      {
        all: ['a', 'b', 'c'],
        inbound: { type: 'message', applicationId: 'x', time: '2026-01-01T00:00:00.000Z' },
        stored: new Set(stored),
        decidedAt: 3,
      },
    ],
  ]);
const recorded = async (epoch = 'e1'): Promise<FanOuts | undefined> => (await readRecorded(database, [5, 6], epoch)).get(5);
const takenWith = (token: number): Promise<unknown> => database.query('update positions set token = $1', [token]);

beforeEach(async () => {
  await database.query('delete from fan_outs');
  await database.query('delete from positions');
  await database.query(
    `insert into positions (stream, partition, position, token, version, stream_created) values ('INBOUND', 5, 0, 7, 0, ''), ('INBOUND', 6, 0, 9, 0, '')`,
  );
});

describe('what is stored of a partition beyond what is committed', () => {
  it('is found as it was recorded last', async () => {
    expect(await recordFanOuts(database, hold, of(1, 'a'))).toBe(true);
    expect(await recordFanOuts(database, hold, of(2, 'a', 'c'))).toBe(true);
    expect(await recorded()).toEqual(of(2, 'a', 'c'));
  });

  it('says nothing of another INBOUND, whose positions mean other messages', async () => {
    await recordFanOuts(database, hold, of(1, 'a'));
    expect(await recorded('e2')).toBe(undefined);
  });

  it('is not recorded by a holder whose partition another has taken', async () => {
    await recordFanOuts(database, hold, of(1, 'a'));
    await takenWith(8);
    expect(await recordFanOuts(database, hold, of(2, 'b'))).toBe(false);
    expect(await recorded()).toEqual(of(1, 'a'));
  });

  it('is not recorded by a holder while another takes the partition', async () => {
    const taking = database.createQueryRunner();
    await taking.startTransaction();
    await taking.query('update positions set token = 8 where partition = 5');
    const late = recordFanOuts(database, hold, of(2, 'b'));
    const waits = "select 1 from pg_stat_activity where wait_event_type = 'Lock' and query like '%fan_outs%'";
    await expect.poll(async () => (await database.query<unknown[]>(waits)).length).toBeGreaterThan(0);
    await taking.commitTransaction();
    await taking.release();
    expect(await late).toBe(false);
    expect(await recorded()).toBe(undefined);
  });
});
