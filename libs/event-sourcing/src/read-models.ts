import type { EntityManager } from 'typeorm';
import type { StoredEvent, StreamKey } from './event.ts';

/** Runs a query in whatever it is given: the pool, or a transaction. */
export type Query = Pick<EntityManager, 'query'>;

/** An aggregate as it is now. */
export interface ReadModel extends StreamKey {
  readonly applicationId: string;
  readonly version: number;
  /** Of the event that made it so. */
  readonly position: number;
  readonly state: unknown;
}

/** What a list sorts and filters by. */
export interface ListEntry {
  readonly id: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** The few fields of a state that lists sort and filter by. Pure: a rebuild must come to the same. */
export type Project = (event: StoredEvent) => Record<string, unknown>;

interface Row {
  kind: string;
  id: string;
  application_id: string;
  version: number;
  position: string;
  state: unknown;
}

const COLUMNS = 'kind, id, application_id, version, position, state';

const fromRow = (row: Row): ReadModel => ({
  kind: row.kind,
  id: row.id,
  applicationId: row.application_id,
  version: row.version,
  position: Number(row.position),
  state: row.state,
});

export async function findModel(query: Query, { kind, id }: StreamKey): Promise<ReadModel | undefined> {
  const rows: Row[] = await query.query(`select ${COLUMNS} from read_models where kind = $1 and id = $2`, [kind, id]);
  return rows[0] === undefined ? undefined : fromRow(rows[0]);
}

/** Every aggregate of a kind in an application, without states; `applicationId` undefined: in all. */
export async function listEntries(query: Query, kind: string, applicationId: string | undefined): Promise<ListEntry[]> {
  return await query.query('select id, fields from read_models where kind = $1 and ($2::text is null or application_id = $2) order by id', [
    kind,
    applicationId ?? null,
  ]);
}

export async function modelExists(query: Query, { kind, id }: StreamKey): Promise<boolean> {
  const rows: unknown[] = await query.query('select 1 from read_models where kind = $1 and id = $2', [kind, id]);
  return rows.length > 0;
}

/** The states of these ids, in their order; one that is gone meanwhile is left out. Undefined when they are together larger than `maxBytes`. */
export async function findModels(query: Query, kind: string, ids: readonly string[], maxBytes: number): Promise<ReadModel[] | undefined> {
  const sizes: { total: string | null }[] = await query.query(
    'select sum(octet_length(state::text)) as total from read_models where kind = $1 and id = any($2)',
    [kind, ids],
  );
  if (Number(sizes[0]?.total ?? 0) > maxBytes) return undefined;
  const rows: Row[] = await query.query(`select ${COLUMNS} from read_models where kind = $1 and id = any($2)`, [kind, ids]);
  const byId = new Map(rows.map((row) => [row.id, row]));
  return ids.flatMap((id) => {
    const row = byId.get(id);
    return row === undefined ? [] : [fromRow(row)];
  });
}

/** Brings a table of read models up to these events, in their order. */
export async function applyToModels(query: Query, project: Project, events: readonly StoredEvent[], table = 'read_models'): Promise<void> {
  const last = new Map(events.map((event) => [`${event.kind}\0${event.streamId}`, event]));
  const present = [...last.values()].filter((event) => event.state !== null);
  const gone = [...last.values()].filter((event) => event.state === null);
  if (present.length > 0)
    await query.query(
      `insert into ${table} (kind, id, application_id, version, position, fields, state)
       select kind, id, application_id, version, position, fields, state
       from jsonb_to_recordset($1) as r(kind text, id text, application_id text, version int, position bigint, fields jsonb, state jsonb)
       on conflict (kind, id) do update
       set application_id = excluded.application_id, version = excluded.version, position = excluded.position,
           fields = excluded.fields, state = excluded.state`,
      [
        JSON.stringify(
          present.map((event) => ({
            kind: event.kind,
            id: event.streamId,
            application_id: event.applicationId,
            version: event.version,
            position: event.position,
            fields: project(event),
            state: event.state,
          })),
        ),
      ],
    );
  if (gone.length > 0)
    await query.query(
      `delete from ${table} t using jsonb_to_recordset($1) as r(kind text, id text) where t.kind = r.kind and t.id = r.id`,
      [JSON.stringify(gone.map((event) => ({ kind: event.kind, id: event.streamId })))],
    );
}
