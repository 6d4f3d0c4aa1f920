import { z } from 'zod';
import { ResourceId } from '../ids.ts';

/** Pieces that several resources share. */

export const Name = z.string().min(1).max(255).meta({ title: 'Name', description: '1 to 255 characters.' });

export const CreationDate = z.iso.datetime().meta({ title: 'Creation date', description: 'When it was created, ISO 8601 in UTC.' });
export const LastUpdated = z.iso.datetime().meta({ title: 'Last updated', description: 'When it was last changed, ISO 8601 in UTC.' });

const isJson = (text: string): boolean => {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false; // the parser's own message quotes the input, which may be a secret
  }
};

/** JSON as text, 1 to 32,767 characters. */
export const JsonText = z
  .string()
  .min(1)
  .max(32_767)
  .refine(isJson, 'must be JSON text')
  .meta({ title: 'JSON', description: 'A value as JSON text, 1 to 32,767 characters.' });

export const GlobalKey = z
  .string()
  .regex(/^[0-9a-zA-Z_-]{1,255}$/, 'must have 1 to 255 letters, digits, _ or -')
  .meta({ title: 'Key', description: 'Name of the global, as in {{globals.key}}.' });

/** Refuses a list in which two entries agree in `of`, naming the second. */
export const unique =
  <T>(of: (entry: T) => string, message: string) =>
  (entries: T[], context: z.RefinementCtx): void => {
    const seen = new Set<string>();
    entries.forEach((entry, index) => {
      const key = of(entry);
      if (seen.has(key)) context.addIssue({ code: 'custom', path: [index], message });
      seen.add(key);
    });
  };

export const Success = z.object({ success: z.literal(true) }).meta({ id: 'Success', title: 'Success' });

/** A whole number that arrives as the text of a query parameter. */
export const queryInteger = (minimum: number, maximum: number) => {
  const message = `must be a whole number from ${minimum} to ${maximum}`;
  const digits = (value: unknown): unknown => (typeof value === 'string' && /^\d{1,16}$/.test(value) ? Number(value) : value);
  return z.preprocess(digits, z.int(message).min(minimum, message).max(maximum, message));
};

export const queryBoolean = z.preprocess(
  (value) => (value === 'true' || value === '1' ? true : value === 'false' || value === '0' ? false : value),
  z.boolean(),
);

const SortDirection = z.preprocess((value) => (typeof value === 'string' ? value.toLowerCase() : value), z.enum(['asc', 'desc']));

/** Query parameters of a list whose items sort and filter by these fields, by the first if none is named. Blank means absent; an unknown value is an error, never clamped. */
export const listParams = <S extends readonly [string, ...string[]], F extends readonly [string, ...string[]]>(
  sortFields: S,
  filterFields: F,
  sortDirection: 'asc' | 'desc' = 'asc',
) =>
  z.object({
    page: queryInteger(0, 1_000_000).default(0).meta({ description: 'Which page, from 0.' }),
    perPage: queryInteger(1, 1000).default(100).meta({ description: 'How many items a page has, 1 to 1000.' }),
    sortField: z
      .enum(sortFields)
      .default(sortFields[0] as S[number])
      .meta({ description: 'Field the items are sorted by.' }),
    sortDirection: SortDirection.default(sortDirection).meta({ description: 'asc or desc.' }),
    filterField: z.enum(filterFields).optional().meta({ description: 'Field the filter is applied to; none: no filtering.' }),
    filter: z.string().max(1024).optional().meta({ description: 'Filter; * stands for any characters, upper and lower case are alike.' }),
  });

/** What every list says beside its items. */
export const listFields = {
  count: z.int().meta({ description: 'Items on this page.' }),
  totalCount: z.int().meta({ description: 'Items on all pages.' }),
  page: z.int(),
  perPage: z.int(),
  sortField: z.string(),
  sortDirection: z.enum(['asc', 'desc']),
  filterField: z.string().optional(),
  filter: z.string().optional(),
};

/** An answer that lists `item`s of one application. */
export const listOf = <T extends z.ZodType>(item: T) =>
  z.object({ items: z.array(item), ...listFields, applicationId: ResourceId.optional() });

export interface ListParams {
  page: number;
  perPage: number;
  sortField: string;
  sortDirection: 'asc' | 'desc';
  filterField?: string | undefined;
  filter?: string | undefined;
}

/** The list fields of an answer: parameters as they were understood, absent where absent. */
export function listAnswer<T>(
  items: T[],
  totalCount: number,
  params: ListParams,
  owner: Record<string, string>,
): Record<string, unknown> & { items: T[] } {
  const { page, perPage, sortField, sortDirection, filterField, filter } = params;
  const filtered = filterField !== undefined && filter !== undefined ? { filterField, filter } : {};
  return { items, count: items.length, totalCount, page, perPage, sortField, sortDirection, ...filtered, ...owner };
}
