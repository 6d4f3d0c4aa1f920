import type { DataSource } from 'typeorm';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { openDatabase } from '#lib/event-sourcing';
import { startTestPostgres, type TestPostgres } from '../../../test/servers/postgres.ts';
import { commitTransaction } from './commit-transaction.ts';

const INSERT = 'insert into notes (text) values ($1)';
const CHANGE = 'update notes set text = $2 where text = $1';
let postgres: TestPostgres;
let database: DataSource;

beforeAll(async () => {
  postgres = await startTestPostgres();
  database = await openDatabase({ url: postgres.url, schema: 'commits', migrations: [], poolSize: 2 });
  await database.query('create table notes (id serial, text text not null unique)');
});
afterAll(async () => {
  await database?.destroy();
  await postgres?.stop();
});
beforeEach(() => database.query('truncate notes'));

const notes = async (): Promise<string[]> =>
  (await database.query<{ text: string }[]>('select text from notes order by id')).map(({ text }) => text);

it('does what is not waited for in its order, and prepares each text once for a connection', async () => {
  let prepared: { statement: string }[] = [];
  await commitTransaction(database, async (transaction) => {
    await Promise.all(['a', 'b', 'c'].map((text) => transaction.query(INSERT, [text])));
    prepared = await transaction.query('select statement from pg_prepared_statements where statement like $1', ['insert into notes%']);
  });
  expect(await notes()).toEqual(['a', 'b', 'c']);
  expect(prepared).toEqual([{ statement: INSERT }]);
});

it('rolls all of it back when one statement or the work itself fails, and leaves the connections usable', async () => {
  const twice = commitTransaction(database, async (transaction) => {
    const inserts = ['a', 'a', 'b'].map((text) => transaction.query(INSERT, [text]));
    await Promise.all([...inserts, transaction.query(CHANGE, ['b', 'c'])]); // never seen by PostgreSQL before, and not looked at
  });
  await expect(twice).rejects.toMatchObject({ code: '23505' });
  const refused = commitTransaction(database, async (transaction) => {
    await transaction.query(INSERT, ['c']);
    throw new Error('not ours');
  });
  await expect(refused).rejects.toThrow('not ours');
  expect(await notes()).toEqual([]);
  for (const text of ['d', 'e', 'f'])
    await commitTransaction(database, async (transaction) => {
      await Promise.all([transaction.query(INSERT, [text]), transaction.query(CHANGE, [text, `${text}!`])]);
    });
  expect(await notes()).toEqual(['d!', 'e!', 'f!']);
});
