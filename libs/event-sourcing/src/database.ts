import { DataSource, type DataSourceOptions } from 'typeorm';

export interface DatabaseOptions {
  /** `postgres://user:password@host:port/database` */
  readonly url: string;
  /** The service's own PostgreSQL schema: made when missing. */
  readonly schema: string;
  /** In order; a migration that has landed is never changed. */
  readonly migrations: Exclude<DataSourceOptions['migrations'], undefined>;
  /** Connections at most; default 8, at least 2: one holds the lock while another migrates. */
  readonly poolSize?: number;
}

/** Key of the advisory lock under which services that start together migrate one after the other. */
const MIGRATION_LOCK = 7_351_402;

/** Connects and brings the schema up to date under an advisory lock. Rejects with PostgreSQL's own error when it can't. */
export async function openDatabase(options: DatabaseOptions): Promise<DataSource> {
  const { url, schema, migrations } = options;
  const poolSize = Math.max(2, options.poolSize ?? 8);
  const database = new DataSource({
    type: 'postgres',
    url,
    schema,
    entities: [],
    migrations,
    migrationsTableName: 'migrations',
    poolSize,
    // Plain queries find the service's tables without naming the schema.
    // Statements that nobody waits between go together.
    extra: { options: `-c search_path=${schema}`, keepAlive: true, pipeline: true },
  });
  await database.initialize();
  try {
    const session = database.createQueryRunner();
    try {
      await session.query('select pg_advisory_lock($1)', [MIGRATION_LOCK]);
      await session.query(`create schema if not exists "${schema}"`);
      await database.runMigrations({ transaction: 'each' });
    } finally {
      await session.query('select pg_advisory_unlock($1)', [MIGRATION_LOCK]);
      await session.release();
    }
    return database;
  } catch (error) {
    await database.destroy();
    throw error;
  }
}
