import { positionMigrations } from '#lib/partitions';
import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What the runner keeps besides positions: how runs ended, how far it may have started runs, and runs beyond the position. */
class Runs1764000100000 implements MigrationInterface {
  async up(session: QueryRunner): Promise<void> {
    await session.query(`
      create table run_counts (
        application_id text not null,
        source_id text not null,
        kind text not null check (kind in ('message', 'event', 'press')),
        succeeded bigint not null default 0,
        failed bigint not null default 0,
        dead_lettered bigint not null default 0,
        restarted bigint not null default 0,
        primary key (application_id, source_id, kind)
      )`);
    await session.query(`
      create table reservations (
        partition smallint primary key,
        token bigint not null,
        reserved bigint not null,
        stream_created text not null
      )`);
    await session.query(`
      create table open_runs (
        partition smallint not null,
        position bigint not null,
        attempt smallint,
        done boolean not null default false,
        primary key (partition, position)
      )`);
  }

  async down(session: QueryRunner): Promise<void> {
    await session.query('drop table open_runs');
    await session.query('drop table reservations');
    await session.query('drop table run_counts');
  }
}

/** What of runs that aren't over must not be done again: delays with their ends, and what was sent before them. */
class RunSteps1764000300000 implements MigrationInterface {
  async up(session: QueryRunner): Promise<void> {
    await session.query(`
      create table run_steps (
        partition smallint not null,
        position bigint not null,
        step text not null,
        outcome text not null,
        primary key (partition, position, step)
      )`);
  }

  async down(session: QueryRunner): Promise<void> {
    await session.query('drop table run_steps');
  }
}

/** What workflows keep from run to run. `name` is unique, and holds the key in text that PostgreSQL takes. */
class FlowValues1764000400000 implements MigrationInterface {
  async up(session: QueryRunner): Promise<void> {
    await session.query(
      'create table flow_values (name text primary key, flow_id text not null, kind text not null, value text not null, until bigint)',
    );
    await session.query('create index flow_values_flow on flow_values (flow_id)');
  }

  async down(session: QueryRunner): Promise<void> {
    await session.query('drop table flow_values');
  }
}

export const migrations = [...positionMigrations(), Runs1764000100000, RunSteps1764000300000, FlowValues1764000400000];
