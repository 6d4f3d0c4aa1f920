import { positionMigrations } from '#lib/partitions';
import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What dispatch keeps besides positions: the message ledger, quota used, payloads counted by the hour, and gaps. */
class Ledger1764000200000 implements MigrationInterface {
  async up(session: QueryRunner): Promise<void> {
    await session.query(`
      create table message_counts (
        application_id text not null,
        integration_id text not null,
        partition smallint not null,
        last_number bigint not null default 0,
        replayed bigint not null default 0,
        dispatched bigint not null default 0,
        unmatched bigint not null default 0,
        rejected_by_quota bigint not null default 0,
        disabled bigint not null default 0,
        dead_lettered bigint not null default 0,
        missing bigint not null default 0,
        repeated bigint not null default 0,
        redelivered bigint not null default 0,
        oversize bigint not null default 0,
        triggered bigint not null default 0,
        primary key (application_id, integration_id)
      )`);
    await session.query('create index message_counts_partition on message_counts (partition)');
    await session.query(`
      create table event_counts (
        application_id text not null,
        source_id text not null,
        type text not null,
        received bigint not null default 0,
        triggered bigint not null default 0,
        primary key (application_id, source_id, type)
      )`);
    await session.query(`
      create table gaps (
        application_id text not null,
        integration_id text not null,
        position bigint not null,
        gap_from timestamptz not null,
        gap_to timestamptz not null,
        cause text not null,
        primary key (application_id, integration_id, position)
      )`);
    await session.query(`
      create table quota_used (
        application_id text not null,
        period text not null,
        partition smallint not null,
        started timestamptz not null,
        used bigint not null default 0,
        refused bigint not null default 0,
        primary key (application_id, period)
      )`);
    await session.query('create index quota_used_partition on quota_used (partition)');
    await session.query(`
      create table payload_counts (
        application_id text not null,
        integration_type text not null,
        hour timestamptz not null,
        count bigint not null default 0,
        primary key (application_id, integration_type, hour)
      )`);
  }

  async down(session: QueryRunner): Promise<void> {
    for (const table of ['payload_counts', 'quota_used', 'gaps', 'event_counts', 'message_counts'])
      await session.query(`drop table ${table}`);
  }
}

/** When each timer was last fired, committed with the position. */
class TimerFirings1764000300000 implements MigrationInterface {
  async up(session: QueryRunner): Promise<void> {
    await session.query('create table timer_firings (timer text primary key, partition smallint not null, fired_at bigint not null)');
    await session.query('create index timer_firings_partition on timer_firings (partition)');
  }

  async down(session: QueryRunner): Promise<void> {
    await session.query('drop table timer_firings');
  }
}

/** What a provider may send again: ids taken, written with the position; and how many messages were known by them. */
class RecentIds1764000400000 implements MigrationInterface {
  async up(session: QueryRunner): Promise<void> {
    await session.query(`
      create table recent_ids (
        partition smallint not null,
        committed_at timestamptz not null default now(),
        ids bytea not null
      )`);
    // Digests: nothing to compress.
    await session.query('alter table recent_ids alter column ids set storage external');
    await session.query('create index recent_ids_partition on recent_ids (partition, committed_at)');
    await session.query('alter table message_counts add column duplicates bigint not null default 0');
  }

  async down(session: QueryRunner): Promise<void> {
    await session.query('alter table message_counts drop column duplicates');
    await session.query('drop table recent_ids');
  }
}

/** What is stored in TRIGGERED of messages that are not committed: written when TRIGGERED is full, so that it may be purged. One row a partition. */
class FanOuts1764000500000 implements MigrationInterface {
  async up(session: QueryRunner): Promise<void> {
    await session.query('create table fan_outs (partition smallint primary key, epoch text not null, fan_outs jsonb not null)');
  }

  async down(session: QueryRunner): Promise<void> {
    await session.query('drop table fan_outs');
  }
}

export const migrations = [
  ...positionMigrations(),
  Ledger1764000200000,
  TimerFirings1764000300000,
  RecentIds1764000400000,
  FanOuts1764000500000,
];
