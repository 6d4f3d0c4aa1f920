/** Scopes of API tokens, and which of them allow what. */

const RESOURCES = {
  application: ['get', 'patch', 'delete', 'payloadCounts', 'ledger', 'activity'],
  applications: ['get', 'post'],
  integration: ['get', 'patch', 'delete', 'ledger', 'retry', 'test'],
  integrations: ['get', 'post'],
  credential: ['get', 'patch', 'delete', 'linkedResources'],
  credentials: ['get', 'post'],
  flow: ['get', 'patch', 'delete', 'pressVirtualButton', 'errors', 'log', 'stats'],
  flows: ['get', 'post', 'getByVersion'],
  flowVersion: ['get', 'patch', 'delete', 'errors', 'log', 'stats'],
  flowVersions: ['get', 'post', 'delete'],
  applicationApiToken: ['get', 'patch', 'delete'],
  applicationApiTokens: ['get', 'post'],
  deadLetter: ['replay', 'delete'],
  deadLetters: ['get'],
  runs: ['get'],
} as const;

type Resource = keyof typeof RESOURCES;
/** What an operation asks for: `integration.patch`. */
export type Scope = { [R in Resource]: `${R}.${(typeof RESOURCES)[R][number]}` }[Resource];

const named = Object.entries(RESOURCES).flatMap(([resource, actions]) => [
  `${resource}.*`,
  ...actions.map((action) => `${resource}.${action}`),
]);
const APPLICATION_WIDE = ['all.Application', 'all.Application.bounded', 'all.Application.cli', 'all.Application.read'];
const INSTANCE_WIDE = ['all.Instance', 'all.Instance.bounded', 'all.Instance.read'];

/** Every scope an application's token can have. */
export const APPLICATION_SCOPES: readonly string[] = [...APPLICATION_WIDE, ...named];
/** Those of an instance's token besides. */
export const SCOPES: readonly string[] = [...APPLICATION_SCOPES, ...INSTANCE_WIDE];

const READING = new Set(['get', 'payloadCounts', 'ledger', 'activity', 'linkedResources', 'errors', 'log', 'stats', 'getByVersion']);
/** `bounded` tokens manage no tokens: they could otherwise make themselves an unbounded one. */
const isTokenManagement = (resource: string, action: string): boolean => resource.startsWith('applicationApiToken') && action !== 'get';
const CLI: ReadonlySet<string> = new Set(['application.get', 'application.patch']);

/** Whether a token with these scopes may do what needs `required`. Tenancy is checked apart from it. */
export function allows(tokenScopes: readonly string[], required: Scope): boolean {
  const [resource = '', action = ''] = required.split('.');
  const reads = READING.has(action);
  return tokenScopes.some((scope) => {
    if (scope === required || scope === `${resource}.*`) return true;
    switch (scope) {
      case 'all.Instance':
        return true;
      case 'all.Instance.bounded':
        return !isTokenManagement(resource, action);
      case 'all.Instance.read':
        return reads;
      case 'all.Application':
        return required !== 'applications.post';
      case 'all.Application.bounded':
        return required !== 'applications.post' && !isTokenManagement(resource, action);
      case 'all.Application.read':
        return reads;
      case 'all.Application.cli':
        return CLI.has(required);
      default:
        return false;
    }
  });
}

/** True for a token of the whole instance: it alone may set limits and create applications. */
export const isInstanceScope = (tokenScopes: readonly string[]): boolean => tokenScopes.some((scope) => INSTANCE_WIDE.includes(scope));

/** The scopes of `wanted` that a token with `held` could not use itself: a token can't give more than it has. */
export function beyond(held: readonly string[], wanted: readonly string[]): string[] {
  if (held.includes('all.Instance')) return [];
  const all = Object.entries(RESOURCES).flatMap(([resource, actions]) => actions.map((action) => `${resource}.${action}` as Scope));
  return wanted.filter((scope) => all.some((required) => allows([scope], required) && !allows(held, required)));
}
