import { allows, type Operation, ResourceId } from '#lib/contracts';
import { notFound, problem } from './problem.ts';
import type { Caller } from './token-book.ts';

/** A call that may proceed: who, what, and of which application. */
export interface Admitted {
  readonly operation: Operation;
  readonly caller: Caller;
  /** Ids of the path, in lower case. */
  readonly params: Readonly<Record<string, string>>;
  /** The tenant: the path's, else the token's own; `-` for an instance token outside any. */
  readonly applicationId: string;
  /** The resource the operation names by `idParam`. */
  readonly id?: string;
  /** What that belongs to, by `parentParam`. */
  readonly parentId?: string;
  /** The caller holds an instance's token. */
  readonly instance: boolean;
}

/** Ids of dead letters are ours, not ResourceIds. */
const DEAD_LETTER_ID = /^[\w:.-]{1,128}$/;

/**
 * Tenancy, then scope. Throws 404 for an id that can't be one and for another tenant's application, before anything else is said about it; 403 naming
 * the scope that is missing.
 */
export function admit(operation: Operation, caller: Caller, rawParams: Readonly<Record<string, string>>): Admitted {
  const instance = caller.applicationId === '-';
  const params = Object.fromEntries(Object.entries(rawParams).map(([name, value]) => [name, idOf(name, value)]));
  const inPath = params['applicationId'];
  if (inPath !== undefined && !instance && inPath !== caller.applicationId.toLowerCase()) throw notFound('The application');
  if (!allows(caller.scopes, operation.scope)) throw problem('Forbidden', `The token's scopes don't include ${operation.scope}`);
  if (operation.instance === true && !instance) throw problem('Forbidden', 'Only a token of the whole instance may do this');
  const id = operation.idParam === undefined ? undefined : params[operation.idParam];
  const parentId = operation.parentParam === undefined ? undefined : params[operation.parentParam];
  const common = { operation, caller, params, applicationId: inPath ?? caller.applicationId, instance };
  return { ...common, ...(id === undefined ? {} : { id }), ...(parentId === undefined ? {} : { parentId }) };
}

function idOf(name: string, value: string): string {
  const noun = `The ${name.replace(/Id$/, '').replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)}`;
  if (name === 'deadLetterId') {
    if (!DEAD_LETTER_ID.test(value)) throw notFound(noun);
    return value;
  }
  if (!ResourceId.safeParse(value).success) throw notFound(noun);
  return value.toLowerCase();
}
