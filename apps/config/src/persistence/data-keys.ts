import type { Query } from '#lib/event-sourcing';
import type { KvBucket } from '#lib/messaging';
import type { DataKey, SecretKeys } from '#lib/secrets';

interface Row {
  application_id: string;
  wrapped: string;
}

/** How many keys are looked through at once. */
const PAGE = 1_000;

/** The applications' data keys: PostgreSQL has the source, the bucket KEYS the connectors' copy. Both hold them wrapped only. */
export class DataKeys {
  constructor(
    private readonly database: Query,
    private readonly secrets: SecretKeys,
    private readonly bucket: KvBucket,
  ) {}

  /** A key for an application that is about to be made; `store` puts it into PostgreSQL with the application itself. */
  create(applicationId: string): { readonly key: DataKey; readonly store: (query: Query) => Promise<void> } {
    const { wrapped, key } = this.secrets.newDataKey(applicationId);
    return {
      key,
      store: async (query) => {
        await query.query('insert into data_keys (application_id, wrapped) values ($1, $2)', [applicationId, wrapped]);
      },
    };
  }

  /** The key of an application; undefined when it has none (any more). */
  async find(applicationId: string): Promise<DataKey | undefined> {
    const rows: Row[] = await this.database.query('select * from data_keys where application_id = $1', [applicationId]);
    return rows[0] === undefined ? undefined : this.secrets.open(applicationId, rows[0].wrapped);
  }

  /** Forgets the source; what was sealed with it is unreadable once the copy is purged too. */
  async forget(query: Query, applicationId: string): Promise<void> {
    await query.query('delete from data_keys where application_id = $1', [applicationId]);
  }

  /** Gives connectors their copy: before the application's first event is published. */
  async publish(applicationId: string): Promise<void> {
    const rows: Row[] = await this.database.query('select * from data_keys where application_id = $1', [applicationId]);
    if (rows[0] !== undefined) await this.bucket.put(applicationId, Buffer.from(rows[0].wrapped));
  }

  /** Purges the connectors' copy. */
  async purge(applicationId: string): Promise<void> {
    await this.bucket.purge(applicationId);
  }

  /** Wraps every key with the current master key, and gives connectors what their bucket lacks: after a rotation, a restore, or a bucket made anew. */
  async refresh(): Promise<void> {
    const copies = new Map((await this.bucket.entries('')).map((entry) => [entry.key, Buffer.from(entry.value).toString()]));
    for (let after = '', full = true; full;) {
      const rows: Row[] = await this.database.query('select * from data_keys where application_id > $1 order by application_id limit $2', [
        after,
        PAGE,
      ]);
      for (const row of rows) await this.#refresh(row, copies.get(row.application_id));
      after = rows.at(-1)?.application_id ?? after;
      full = rows.length === PAGE;
    }
  }

  async #refresh({ application_id: id, wrapped }: Row, copy: string | undefined): Promise<void> {
    let current = wrapped;
    if (!this.secrets.isCurrent(wrapped)) {
      current = this.secrets.rewrap(id, wrapped);
      await this.database.query('update data_keys set wrapped = $1 where application_id = $2 and wrapped = $3', [current, id, wrapped]);
    }
    if (copy !== current) await this.bucket.put(id, Buffer.from(current));
  }
}
