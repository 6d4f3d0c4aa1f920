import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import type { Product } from '../product/product.ts';

export interface Canaries {
  /** What they share, and nothing else has: whichever leaks is found by it. */
  readonly stem: string;
  readonly used: number;
  next(): string;
}

/** Texts that stand nowhere else, each to be used as one secret. */
export function canaries(): Canaries {
  const stem = `canary${randomBytes(6).toString('hex')}`;
  let used = 0;
  return {
    stem,
    get used() {
      return used;
    },
    next: () => `${stem}x${used++}`,
  };
}

/** Where these words stand, plain or encoded, each as `<where>: <what stands there>`: in the answers given, the log, every table, every file of the data folder, the process table. */
export async function placesOf(words: readonly string[], product: Product, answers: readonly string[]): Promise<string[]> {
  const searched = [...new Set(words)].flatMap(formsOf);
  const found = (where: string, content: string | Buffer): string[] =>
    searched.filter((form) => content.includes(form)).map((form) => `${where}: ${form}`);
  const dump = await databaseDump(product.dataDir);
  return [
    ...found('answers', answers.join('\n')),
    ...found('log', product.output),
    ...found('database', dump),
    ...filesBelow(product.dataDir).flatMap((file) => found(file.replace(product.dataDir, ''), readFileSync(file))),
    ...found('process table', execFileSync('ps', ['-eo', 'args'])),
  ];
}

/** A text as it is, in a URL, in hexadecimal, and in base64 wherever it begins in what was encoded. */
function formsOf(word: string): string[] {
  const base64 = [0, 1, 2].map((before) => {
    const encoded = Buffer.from(' '.repeat(before) + word).toString('base64');
    // The first and last characters depend on what stands beside the word.
    return encoded.slice(before === 0 ? 0 : before + 1, Math.floor(((before + word.length) * 8) / 6));
  });
  return [...new Set([word, encodeURIComponent(word), Buffer.from(word).toString('hex'), ...base64])];
}

async function databaseDump(dataDir: string): Promise<string> {
  const { postgres } = JSON.parse(readFileSync(join(dataDir, 'endpoints.json'), 'utf8')) as { postgres: string };
  const database = new pg.Client({ connectionString: postgres });
  await database.connect();
  const tables = await database.query<{ schema: string; name: string }>(
    "select table_schema as schema, table_name as name from information_schema.tables where table_schema not in ('pg_catalog', 'information_schema')",
  );
  let dump = '';
  for (const { schema, name } of tables.rows) {
    const rows = await database.query<{ row: string }>(`select t::text as row from "${schema}"."${name}" t`);
    dump += rows.rows.map(({ row }) => row).join('\n');
  }
  await database.query('checkpoint'); // the files are read next
  await database.end();
  return dump;
}

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    .filter((path) => statSync(path, { throwIfNoEntry: false })?.isFile() === true);
}
