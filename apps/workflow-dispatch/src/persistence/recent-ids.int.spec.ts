import { openDatabase } from '#lib/event-sourcing';
import type { DataSource } from 'typeorm';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startTestPostgres, type TestPostgres } from '../../../../test/servers/postgres.ts';
import { DIGEST_BYTES } from '../recent-ids.ts';
import { migrations } from './migrations.ts';
import { forgetIds, readRecentIds } from './recent-ids.ts';

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

const id = (name: string): string => name.padEnd(DIGEST_BYTES, '\xff');
const committed = (partition: number, minutesAgo: number, ...names: string[]): Promise<unknown> =>
  database.query(`insert into recent_ids (partition, committed_at, ids) values ($1, now() - make_interval(mins => $2), $3)`, [
    partition,
    minutesAgo,
    Buffer.from(names.map(id).join(''), 'latin1'),
  ]);

it('keeps ids until their partition has been at others for long, and for a day where it was not', async () => {
  await committed(1, 40, 'old');
  await committed(1, 25, 'a', 'b');
  await committed(1, 6, 'c');
  await committed(2, 23 * 60, 'idle');
  await committed(3, 25 * 60, 'gone');
  await forgetIds(database);
  const rows = await readRecentIds(database, [1, 2, 3]);
  expect(new Map(rows.map(({ ids, partition }) => [ids.join(), partition]))).toEqual(
    new Map([
      [[id('a'), id('b')].join(), 1],
      [id('c'), 1],
      [id('idle'), 2],
    ]),
  );
});
