import type { MigrationInterface, QueryRunner } from 'typeorm';
import { eventStoreMigrations } from '#lib/event-sourcing';

class DataKeys1764000000001 implements MigrationInterface {
  async up(session: QueryRunner): Promise<void> {
    await session.query('create table data_keys (application_id text primary key, wrapped text not null)');
    // A gateway asks for a token it doesn't know by its hash.
    await session.query("create index on read_models ((fields ->> 'tokenHash')) where kind = 'token'");
  }

  async down(session: QueryRunner): Promise<void> {
    await session.query('drop table data_keys');
  }
}

export const migrations = [...eventStoreMigrations, DataKeys1764000000001];
