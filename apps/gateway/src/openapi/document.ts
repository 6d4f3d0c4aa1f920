import { definitionOf } from '#lib/connectors';
import {
  ApiError,
  configFieldOf,
  ERROR_STATUS,
  type ErrorType,
  IntegrationTested,
  IntegrationType,
  OPERATIONS,
  type Operation,
} from '#lib/contracts';
import { z } from 'zod';
import { Components, type JsonSchema } from './components.ts';

export interface OpenApiDocument {
  readonly openapi: '3.1.0';
  readonly info: Record<string, unknown>;
  readonly paths: Record<string, Record<string, unknown>>;
  readonly components: Record<string, unknown>;
  readonly [key: string]: unknown;
}

/** The OpenAPI 3.1 description of the API, made of the same table and schemas that the gateway runs on. */
export function openApiDocument(operations: readonly Operation[] = OPERATIONS): OpenApiDocument {
  const components = new Components();
  components.name('Error', ApiError);
  for (const type of IntegrationType.options) components.name(configNameOf(type), definitionOf(type).config);
  const paths: Record<string, Record<string, unknown>> = {};
  for (const operation of operations) {
    const path = operation.path.replaceAll(/:(\w+)/g, '{$1}');
    paths[path] = { ...paths[path], [operation.method.toLowerCase()]: describe(operation, components) };
  }
  for (const name of ['IntegrationPost', 'IntegrationPatch']) typeConfigs(components.schemas[name]);
  return {
    openapi: '3.1.0',
    info: {
      title: 'Sluice',
      version: '1',
      description:
        "Integrations with outside message systems, and the workflows they start. Errors have `type`, `message` and, where fields are wrong, `errors`. Another tenant's resource is 404. The query parameters `_actions`, `_links` and `_embedded` are ignored.",
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    security: [{ token: [] }],
    tags: [...new Set(operations.map(tagOf))].map((name) => ({ name })),
    paths,
    components: {
      securitySchemes: { token: { type: 'http', scheme: 'bearer', description: 'An API token.' } },
      responses: Object.fromEntries((Object.keys(ERROR_STATUS) as ErrorType[]).map((type) => [type, errorResponse(type)])),
      schemas: components.schemas,
    },
  };
}

/** `mqttConfig` → `MqttConfig` */
const configNameOf = (type: IntegrationType): string => `${type.charAt(0).toUpperCase()}${type.slice(1)}Config`;

/** What stands in `<type>Config` when it is sent is its definition's business; in answers secrets are masked or absent, so those stay open. */
function typeConfigs(schema: JsonSchema | undefined): void {
  const properties = (schema?.['properties'] ?? {}) as Record<string, JsonSchema>;
  for (const type of IntegrationType.options) properties[configFieldOf(type)] = { $ref: `#/components/schemas/${configNameOf(type)}` };
}

const tagOf = ({ path }: Operation): string => path.split('/').find((part, at) => at > 2 && !part.startsWith(':')) ?? 'applications';

function describe(operation: Operation, components: Components): Record<string, unknown> {
  const { id, summary, scope, body, bodyOptional, status, stream, instance } = operation;
  const who = instance === true ? ' Only a token of the whole instance.' : '';
  return {
    operationId: id,
    summary,
    description: `Needs the scope \`${scope}\`.${who}`,
    tags: [tagOf(operation)],
    parameters: [...pathParameters(operation), ...queryParameters(operation, components), ...headerParameters(operation)],
    ...(body === undefined ? {} : { requestBody: { required: bodyOptional !== true, content: json(components.of(body)) } }),
    responses: {
      [String(status)]: {
        description: stream === true ? 'Server-sent events; the data of each is one of these, as JSON.' : 'Done.',
        content:
          stream === true
            ? { 'text/event-stream': { schema: components.of(operation.response) } }
            : json(components.of(operation.response)),
      },
      ...Object.fromEntries(refusalsOf(operation).map((type) => [String(ERROR_STATUS[type]), { $ref: `#/components/responses/${type}` }])),
    },
  };
}

const json = (schema: JsonSchema) => ({ 'application/json': { schema } });

function pathParameters({ path }: Operation): unknown[] {
  return [...path.matchAll(/:(\w+)/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: name === 'deadLetterId' ? { type: 'string' } : { type: 'string', pattern: '^[0-9a-fA-F]{24}$' },
  }));
}

function queryParameters({ query }: Operation, components: Components): unknown[] {
  if (query === undefined) return [];
  return Object.entries(query.shape).map(([name, field]) => {
    const { description, ...schema } = components.parameter(field as z.ZodType);
    const asJson = schema['type'] === 'array' ? { content: json(schema) } : { schema };
    return { name, in: 'query', required: false, ...(description === undefined ? {} : { description }), ...asJson };
  });
}

function headerParameters({ kind }: Operation): unknown[] {
  if (kind !== 'command') return [];
  const description = 'A repeat under the same key has the same outcome, for 24 hours.';
  return [
    { name: 'Idempotency-Key', in: 'header', required: false, description, schema: { type: 'string', minLength: 1, maxLength: 255 } },
  ];
}

function refusalsOf({ body, query, method, kind, path, response }: Operation): ErrorType[] {
  const types: ErrorType[] = ['Unauthorized', 'Forbidden', 'Unavailable'];
  if (path.includes(':')) types.push('NotFound');
  if (body !== undefined || query !== undefined || kind === 'command') types.push('Validation');
  if (method !== 'GET') types.push('Conflict', 'TooLarge', 'UnsupportedMediaType');
  if (kind === 'command') types.push('PreconditionFailed');
  if (response === IntegrationTested) types.push('TooManyRequests');
  return types.toSorted((a, b) => ERROR_STATUS[a] - ERROR_STATUS[b]);
}

const MEANING: Record<ErrorType, string> = {
  Validation: 'Something that was sent is wrong; `message` names the first field, `errors` all.',
  Unauthorized: 'The token is absent, unknown, inactive or expired.',
  Forbidden: "The token's scopes don't include this; `message` names the one that is needed.",
  NotFound: "No such resource, or another tenant's.",
  Conflict: 'It clashes with what is stored, or cannot be done in its present state.',
  PreconditionFailed: 'It was changed meanwhile.',
  TooLarge: 'The body is larger than 1 MB, or what would be stored than 512 KB.',
  UnsupportedMediaType: 'The body is not JSON in UTF-8.',
  TooManyRequests: 'Too many calls; come back later.',
  NotImplemented: 'This call is not served here.',
  Unavailable: 'A service behind the API is not available now; try again.',
};

const errorResponse = (type: ErrorType) => ({ description: MEANING[type], content: json({ $ref: '#/components/schemas/Error' }) });
