import type { ConfigStates, LiveKind, Query as Ask, Reply } from '#lib/contracts';
import { globMatches, listAnswer, type ListParams } from '#lib/contracts';
import { findModel, findModels, listEntries, type ListEntry, modelExists } from '#lib/event-sourcing';
import type { ConfigContext } from './context.ts';
import { failure } from './failure.ts';
import { toWire } from './wire.ts';

/** A page's states are together no larger than this, bytes: the bus carries 8 MB. */
const MAX_PAGE_BYTES = 6 * 1024 * 1024;

function textOf({ id, fields }: ListEntry, field: string): string {
  const value = field === 'id' ? id : fields[field];
  return typeof value === 'string' ? value : '';
}

/** By the field, upper and lower case alike; entries that agree keep one order by their ids. */
function sorted(entries: readonly ListEntry[], { sortField, sortDirection }: ListParams): ListEntry[] {
  const keyed = entries.map((entry) => ({ entry, key: textOf(entry, sortField).toLowerCase() }));
  const sign = sortDirection === 'desc' ? -1 : 1;
  const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
  return keyed.sort((a, b) => sign * (compare(a.key, b.key) || compare(a.entry.id, b.entry.id))).map(({ entry }) => entry);
}

/** One page of an application's aggregates; only the page's states are loaded. `applicationId` undefined: of all applications. */
export async function list(
  context: ConfigContext,
  kind: LiveKind,
  applicationId: string | undefined,
  params: ListParams,
  owner: Record<string, string>,
  matches: (fields: ListEntry) => boolean = () => true,
): Promise<Reply> {
  const { filterField, filter, page, perPage } = params;
  const all = (await listEntries(context.database, kind, applicationId)).filter(
    (entry) => matches(entry) && (filterField === undefined || filter === undefined || globMatches(filter, textOf(entry, filterField))),
  );
  const ids = sorted(all, params)
    .slice(page * perPage, (page + 1) * perPage)
    .map(({ id }) => id);
  const models = await findModels(context.database, kind, ids, MAX_PAGE_BYTES);
  if (models === undefined)
    throw failure('TooLarge', `perPage must be smaller: these ${ids.length} items are more than one answer carries`);
  const items = models.map(({ state, version }) => toWire(kind, state as ConfigStates[typeof kind], version));
  return { ok: true, result: listAnswer(items, all.length, params, owner) };
}

/** One aggregate of the asking tenant; a foreign one is not there. */
export async function get(context: ConfigContext, kind: LiveKind, { applicationId, id = '' }: Ask): Promise<Reply> {
  const model = await findModel(context.database, { kind, id });
  if (model === undefined || model.applicationId !== applicationId) throw failure('NotFound', `the ${kind} does not exist`);
  return { ok: true, result: toWire(kind, model.state as ConfigStates[typeof kind], model.version), position: model.position };
}

export async function requireApplication(context: ConfigContext, applicationId: string): Promise<void> {
  if (!(await modelExists(context.database, { kind: 'application', id: applicationId })))
    throw failure('NotFound', 'the application does not exist');
}
