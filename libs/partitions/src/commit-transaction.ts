import type { DataSource } from 'typeorm';
import type { Transaction } from './reader-types.ts';

/** What is used of a connection of `pg`. */
interface Client {
  query(query: string | { readonly name: string; readonly text: string; readonly values: unknown[] }): Promise<{ rows: unknown }>;
}

/** PostgreSQL parses and plans a named statement once for each connection. */
const names = new Map<string, string>();

function nameOf(text: string): string {
  let name = names.get(text);
  if (name === undefined) names.set(text, (name = `commit${names.size}`));
  return name;
}

/**
 * One transaction with little around it, as there are many in each second: statements are prepared, so their texts must be constants, and those that `work` doesn't
 * wait for go together in one trip, done in the order they were made. Rejects with what `work` or PostgreSQL does, and all is rolled back.
 */
export async function commitTransaction(database: DataSource, work: (transaction: Transaction) => Promise<void>): Promise<void> {
  const session = database.createQueryRunner();
  try {
    const client = (await session.connect()) as Client;
    await client.query('begin');
    try {
      await work({
        query: async <T>(text: string, values: unknown[] = []) => (await client.query({ name: nameOf(text), text, values })).rows as T,
      });
      await client.query('commit');
    } catch (error) {
      await client.query('rollback').catch(() => undefined); // the connection is gone, and the transaction with it
      throw error;
    }
  } finally {
    await session.release();
  }
}
