import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import Draft4 from 'ajv-draft-04';
import addFormats from 'ajv-formats';

/** The public client has no types; these are the calls we make. */
export type Call = (params: Record<string, unknown>) => Promise<Record<string, unknown>>;
type Resource<Actions extends string> = Record<Actions, Call>;
export interface Client {
  readonly applications: Resource<'get' | 'post'>;
  readonly application: Resource<'get' | 'patch' | 'delete' | 'globals' | 'payloadCounts'>;
  readonly integrations: Resource<'get' | 'post'>;
  readonly integration: Resource<'get' | 'patch' | 'delete'>;
  readonly flows: Resource<'get' | 'post'>;
  readonly flowVersions: Resource<'get' | 'post'>;
  readonly flowVersion: Resource<'get' | 'patch' | 'delete'>;
  readonly flow: Resource<'get' | 'patch' | 'delete' | 'pressVirtualButton'>;
  readonly applicationApiTokens: Resource<'get' | 'post'>;
  readonly applicationApiToken: Resource<'get' | 'patch' | 'delete'>;
}

/** How the client reports a refusal. */
export interface Refusal extends Error {
  readonly statusCode: number;
  readonly type: string;
}

const require = createRequire(import.meta.url);
const losant = require('losant-rest') as { createClient(options: { url: string; accessToken: string }): Client };

export const createClient = (url: string, accessToken: string): Client => losant.createClient({ url, accessToken });

const ajv = new Draft4.default({ strict: false, allErrors: true });
addFormats.default(ajv);
const schemas = join(dirname(require.resolve('losant-rest')), 'schemas');

/** Properties that the API has gained since this version of the client. */
const NEWER = new Set(['protocolVersion']);

/** What is wrong with an answer by the client's own schema of that name; empty when it fits. */
export function misfits(schema: string, answer: unknown): string[] {
  const parsed = JSON.parse(readFileSync(join(schemas, `${schema}.json`), 'utf8')) as object;
  ajv.validate(parsed, answer);
  const errors = (ajv.errors ?? []).filter(({ params }) => !NEWER.has(String(params['additionalProperty'])));
  return errors.map(({ instancePath, message, params }) => `${instancePath} ${message ?? ''} ${JSON.stringify(params)}`);
}
