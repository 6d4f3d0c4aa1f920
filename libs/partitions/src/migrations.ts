import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Positions of a service's partitions, in its own schema. Commits compare `token` and `version`, which rises with each. */
class Positions1764000000000 implements MigrationInterface {
  async up(session: QueryRunner): Promise<void> {
    await session.query(`
      create table positions (
        stream text not null,
        partition smallint not null,
        position bigint not null,
        token bigint not null,
        version bigint not null,
        stream_created text not null,
        primary key (stream, partition)
      )`);
  }

  async down(session: QueryRunner): Promise<void> {
    await session.query('drop table positions');
  }
}

/** Put these first among a service's migrations. */
export const positionMigrations = (): (new () => MigrationInterface)[] => [Positions1764000000000];
