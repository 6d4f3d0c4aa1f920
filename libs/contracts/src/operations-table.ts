import type { z } from 'zod';
import { Activity, Ledger } from './bus.ts';
import * as r from './resources/index.ts';
import type { Scope } from './resources/scopes.ts';

/**
 * Every operation of the API, once: the gateway makes its routes, its checks and the OpenAPI document of it. `command` and `query` are sent on `subject`;
 * what is `edge` the gateway serves itself, from the bus.
 */
export interface Operation {
  /** Unique; OpenAPI's operationId. */
  readonly id: string;
  readonly summary: string;
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** Path parameters as `:name`; ids are {@link ResourceId}s except `:deadLetterId`. */
  readonly path: string;
  /** The path parameter that goes into `id` of the command or query. */
  readonly idParam?: string;
  /** The path parameter of what that belongs to: it goes into `parentId`. */
  readonly parentParam?: string;
  readonly scope: Scope;
  readonly kind: 'command' | 'query' | 'edge';
  readonly subject: string;
  /** Body of the request; config validates it. */
  readonly body?: z.ZodType;
  /** The body may be left out. */
  readonly bodyOptional?: true;
  readonly query?: z.ZodObject;
  readonly response: z.ZodType;
  /** Of success. */
  readonly status: 200 | 201;
  /** Answers server-sent events of `response`. */
  readonly stream?: true;
  /** Only an instance's token, whatever its scopes. */
  readonly instance?: true;
}

type Fields = Pick<Operation, 'scope' | 'kind' | 'subject' | 'response'> & Partial<Operation>;
const operation = (id: string, summary: string, method: Operation['method'], path: string, fields: Fields): Operation => ({
  id,
  summary,
  method,
  path,
  status: 200,
  ...fields,
});

const APP = '/applications/:applicationId';

/** list, create, get, update, delete of one resource below an application. */
function resource(
  noun: string,
  kind: string,
  path: string,
  idParam: string,
  scopes: { one: string; all: string },
  s: Record<'post' | 'patch' | 'item' | 'list', z.ZodType> & { params: z.ZodObject },
): Operation[] {
  const all = (action: string): Scope => `${scopes.all}.${action}` as Scope;
  const one = (action: string): Scope => `${scopes.one}.${action}` as Scope;
  const base = `${APP}/${path}`;
  const item = `${base}/:${idParam}`;
  return [
    operation(`${scopes.all}.get`, `List ${noun}s`, 'GET', base, {
      scope: all('get'),
      kind: 'query',
      subject: `query.${kind}.list`,
      query: s.params,
      response: s.list,
    }),
    operation(`${scopes.all}.post`, `Create a ${noun}`, 'POST', base, {
      scope: all('post'),
      kind: 'command',
      subject: `command.${kind}.create`,
      body: s.post,
      response: s.item,
      status: 201,
    }),
    operation(`${scopes.one}.get`, `Get a ${noun}`, 'GET', item, {
      scope: one('get'),
      kind: 'query',
      subject: `query.${kind}.get`,
      idParam,
      response: s.item,
    }),
    operation(`${scopes.one}.patch`, `Change a ${noun}`, 'PATCH', item, {
      scope: one('patch'),
      kind: 'command',
      subject: `command.${kind}.update`,
      idParam,
      body: s.patch,
      response: s.item,
    }),
    operation(`${scopes.one}.delete`, `Delete a ${noun}`, 'DELETE', item, {
      scope: one('delete'),
      kind: 'command',
      subject: `command.${kind}.delete`,
      idParam,
      response: r.Success,
    }),
  ];
}

const applications: Operation[] = [
  operation('applications.get', 'List applications', 'GET', '/applications', {
    scope: 'applications.get',
    kind: 'query',
    subject: 'query.application.list',
    query: r.ApplicationListParams,
    response: r.ApplicationList,
  }),
  operation('applications.post', 'Create an application', 'POST', '/applications', {
    scope: 'applications.post',
    kind: 'command',
    subject: 'command.application.create',
    body: r.ApplicationPost,
    response: r.ApplicationResponse,
    status: 201,
    instance: true,
  }),
  operation('application.get', 'Get an application', 'GET', APP, {
    scope: 'application.get',
    kind: 'query',
    subject: 'query.application.get',
    idParam: 'applicationId',
    response: r.ApplicationResponse,
  }),
  operation('application.patch', 'Change an application', 'PATCH', APP, {
    scope: 'application.patch',
    kind: 'command',
    subject: 'command.application.update',
    idParam: 'applicationId',
    body: r.ApplicationPatch,
    response: r.ApplicationResponse,
  }),
  operation('application.delete', 'Delete an application and all that is in it', 'DELETE', APP, {
    scope: 'application.delete',
    kind: 'command',
    subject: 'command.application.delete',
    idParam: 'applicationId',
    response: r.Success,
  }),
  operation('application.globals', 'Set or remove globals', 'PATCH', `${APP}/globals`, {
    scope: 'application.patch',
    kind: 'command',
    subject: 'command.application.setGlobals',
    idParam: 'applicationId',
    body: r.GlobalsPatch,
    response: r.ApplicationResponse,
  }),
  operation('application.payloadCounts', 'Messages counted in a time range', 'GET', `${APP}/payloadCounts`, {
    scope: 'application.payloadCounts',
    kind: 'query',
    subject: 'query.payloads.counts',
    query: r.PayloadCountsParams,
    response: r.PayloadCounts,
  }),
  operation('application.ledger', 'Where all messages of the application went', 'GET', `${APP}/ledger`, {
    scope: 'application.ledger',
    kind: 'query',
    subject: 'query.ledger.application',
    response: Ledger,
  }),
];

const integrations: Operation[] = resource(
  'integration',
  'integration',
  'integrations',
  'integrationId',
  { one: 'integration', all: 'integrations' },
  {
    post: r.IntegrationPost,
    patch: r.IntegrationPatch,
    item: r.IntegrationResponse,
    list: r.IntegrationList,
    params: r.IntegrationListParams,
  },
).map((op) => (op.id === 'integration.delete' ? { ...op, query: r.IntegrationDeleteParams } : op));

const credentials = resource(
  'service credential',
  'credential',
  'credentials',
  'credentialId',
  { one: 'credential', all: 'credentials' },
  { post: r.CredentialPost, patch: r.CredentialPatch, item: r.CredentialResponse, list: r.CredentialList, params: r.CredentialListParams },
);

const ONE = `${APP}/integrations/:integrationId`;
const flows = resource(
  'workflow',
  'workflow',
  'flows',
  'flowId',
  { one: 'flow', all: 'flows' },
  { post: r.FlowPost, patch: r.FlowPatch, item: r.FlowResponse, list: r.FlowList, params: r.FlowListParams },
);
const versions = resource(
  'version of a workflow',
  'flowVersion',
  'flows/:flowId/versions',
  'flowVersionId',
  { one: 'flowVersion', all: 'flowVersions' },
  {
    post: r.FlowVersionPost,
    patch: r.FlowVersionPatch,
    item: r.FlowVersionResponse,
    list: r.FlowVersionList,
    params: r.FlowVersionListParams,
  },
).map((op) => ({ ...op, parentParam: 'flowId' }));
const tokens = resource(
  'token',
  'token',
  'tokens',
  'apiTokenId',
  { one: 'applicationApiToken', all: 'applicationApiTokens' },
  { post: r.TokenPost, patch: r.TokenPatch, item: r.TokenResponse, list: r.TokenList, params: r.TokenListParams },
);

export const OPERATIONS: readonly Operation[] = [
  ...applications,
  ...integrations,
  operation('integration.ledger', 'Where the messages of an integration went', 'GET', `${ONE}/ledger`, {
    scope: 'integration.ledger',
    kind: 'query',
    subject: 'query.ledger.integration',
    idParam: 'integrationId',
    response: Ledger,
  }),
  operation('integration.retry', 'Try to connect now', 'POST', `${ONE}/retry`, {
    scope: 'integration.retry',
    kind: 'edge',
    subject: '',
    idParam: 'integrationId',
    response: r.Success,
  }),
  operation(
    'integrations.test',
    'Test a configuration without storing it: nothing is received, sent or left behind',
    'POST',
    `${APP}/integrations/test`,
    {
      // What it dials and authenticates with, an integration of its own could too.
      scope: 'integrations.post',
      kind: 'edge',
      subject: '',
      body: r.IntegrationPost,
      response: r.IntegrationTested,
    },
  ),
  operation(
    'integration.test',
    'Test an integration, or changes of it without storing them (then with the scope `integration.patch` too): secrets that are left out are the stored ones',
    'POST',
    `${ONE}/test`,
    {
      scope: 'integration.test',
      kind: 'edge',
      subject: '',
      idParam: 'integrationId',
      body: r.IntegrationPatch,
      bodyOptional: true,
      response: r.IntegrationTested,
    },
  ),
  ...credentials,
  operation('credential.linkedResources', 'What uses a service credential', 'GET', `${APP}/credentials/:credentialId/linkedResources`, {
    scope: 'credential.linkedResources',
    kind: 'query',
    subject: 'query.credential.linkedResources',
    idParam: 'credentialId',
    response: r.CredentialLinkedResources,
  }),
  ...flows,
  operation('flow.pressVirtualButton', 'Press a virtual button', 'POST', `${APP}/flows/:flowId/virtualButton`, {
    scope: 'flow.pressVirtualButton',
    kind: 'command',
    subject: 'command.workflow.press',
    idParam: 'flowId',
    body: r.VirtualButtonPress,
    response: r.Success,
  }),
  ...versions,
  ...tokens,
  operation('deadLetters.get', 'Messages that failed for good', 'GET', `${APP}/deadLetters`, {
    scope: 'deadLetters.get',
    kind: 'edge',
    subject: '',
    query: r.DeadLetterListParams,
    response: r.DeadLetterList,
  }),
  operation('deadLetter.replay', 'Send a dead letter again as a new message', 'POST', `${APP}/deadLetters/:deadLetterId/replay`, {
    scope: 'deadLetter.replay',
    kind: 'edge',
    subject: '',
    idParam: 'deadLetterId',
    response: r.DeadLetterReplayed,
  }),
  operation('application.activity', 'What happens, live', 'GET', `${APP}/activity`, {
    scope: 'application.activity',
    kind: 'edge',
    subject: '',
    query: r.ActivityParams,
    response: Activity,
    stream: true,
  }),
  operation('runs.get', 'Recent runs', 'GET', `${APP}/runs`, {
    scope: 'runs.get',
    kind: 'edge',
    subject: '',
    query: r.RunListParams,
    response: r.RunList,
  }),
];
