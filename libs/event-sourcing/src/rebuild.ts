import type { DataSource } from 'typeorm';
import type { EventStore } from './event-store.ts';
import { applyToModels, type Project, type Query } from './read-models.ts';

const BATCH = 500;

export interface RebuildReport {
  readonly events: number;
  /** Rows that the rebuilt read models differ in from those that were live: 0, or something had changed them. */
  readonly differences: number;
}

/**
 * Makes the read models anew from event one beside the live ones, then swaps them in one transaction; commands wait for the last step only. `onProgress`
 * is called after each batch with the positions done and known.
 */
export async function rebuildReadModels(
  database: DataSource,
  store: EventStore,
  project: Project,
  onProgress: (done: number, of: number) => void,
): Promise<RebuildReport> {
  await database.query('drop table if exists read_models_next');
  await database.query('create table read_models_next (like read_models including all)');
  const [{ head = '0' } = {}]: { head?: string }[] = await database.query('select coalesce(max(position), 0) as head from events');
  const apply = async (after: number, query: Query): Promise<number> => {
    const events = await store.tail(after, BATCH, query);
    await applyToModels(query, project, events, 'read_models_next');
    return events.at(-1)?.position ?? after;
  };
  let done = 0;
  for (let reached = await apply(0, database); reached > done && done < Number(head); reached = await apply(done, database)) {
    done = reached;
    onProgress(done, Math.max(done, Number(head)));
  }
  return await store.locked(async (query) => {
    for (let reached = await apply(done, query); reached > done; reached = await apply(done, query)) done = reached;
    const [{ count = '0' } = {}]: { count?: string }[] = await query.query(
      `select count(*) from read_models live full join read_models_next next on live.kind = next.kind and live.id = next.id
       where to_jsonb(live)::text is distinct from to_jsonb(next)::text`,
    );
    await query.query('drop table read_models');
    await query.query('alter table read_models_next rename to read_models');
    onProgress(done, done);
    return { events: done, differences: Number(count) };
  });
}
