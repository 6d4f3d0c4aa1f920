import type { MigrationInterface, QueryRunner } from 'typeorm';

class EventStore1764000000000 implements MigrationInterface {
  async up(session: QueryRunner): Promise<void> {
    await session.query(`
      create table events (
        position bigint primary key,
        id uuid not null unique,
        kind text not null,
        stream_id text not null,
        application_id text not null,
        subtype text not null,
        version integer not null,
        type text not null,
        schema_version integer not null,
        state jsonb,
        actor jsonb not null,
        time timestamptz not null,
        unique (kind, stream_id, version)
      )`);
    await session.query(`
      create table read_models (
        kind text not null,
        id text not null,
        application_id text not null,
        version integer not null,
        position bigint not null,
        fields jsonb not null,
        state jsonb not null,
        primary key (kind, id)
      )`);
    await session.query('create index on read_models (application_id, kind)');
    await session.query('create table outcomes (key text primary key, outcome jsonb not null, time timestamptz not null)');
    await session.query('create index on outcomes (time)');
    await session.query(`
      create table relay (
        one boolean primary key default true check (one),
        epoch integer not null default 1,
        position bigint not null default 0,
        target text not null default ''
      )`);
    await session.query('insert into relay default values');
  }

  async down(session: QueryRunner): Promise<void> {
    await session.query('drop table events, read_models, outcomes, relay');
  }
}

/** Tables of the event store, for {@link openDatabase}. */
export const eventStoreMigrations = [EventStore1764000000000];
