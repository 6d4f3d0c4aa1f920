import { z } from 'zod';

/** Error types of the API and their HTTP status; gRPC maps the same names. */
export const ERROR_STATUS = {
  Validation: 400,
  Unauthorized: 401,
  Forbidden: 403,
  NotFound: 404,
  Conflict: 409,
  PreconditionFailed: 412,
  TooLarge: 413,
  UnsupportedMediaType: 415,
  TooManyRequests: 429,
  NotImplemented: 501,
  Unavailable: 503,
} as const;
export type ErrorType = keyof typeof ERROR_STATUS;

/** `{type, message, errors}`: message names the field to change. Never carries a value that could be a secret. */
export const ApiError = z.object({
  type: z.enum(Object.keys(ERROR_STATUS) as [ErrorType, ...ErrorType[]]),
  message: z.string(),
  errors: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
});
export type ApiError = z.infer<typeof ApiError>;

/** Who does it: written into every event. */
export const Actor = z.object({ type: z.enum(['apiToken', 'user', 'flow', 'system']), id: z.string() });
export type Actor = z.infer<typeof Actor>;

/** A command to `config`, on `command.<kind>.<name>`. `input` is the request body as parsed JSON, not yet validated: config validates, once, for HTTP and gRPC. */
export const Command = z.object({
  applicationId: z.string(),
  /** The aggregate; absent on create. */
  id: z.string().optional(),
  /** What the aggregate belongs to: of a version its workflow. */
  parentId: z.string().optional(),
  actor: Actor,
  /** A repeat under the same key has the same outcome, for 24 hours. */
  idempotencyKey: z.string().max(255).optional(),
  /** The caller's token is an instance's (`all.Instance`): it alone may set `limits` and create applications. */
  instance: z.boolean().default(false),
  /** Scopes of the caller's token: a token it makes can't have more. */
  scopes: z.array(z.string()).default([]),
  /** Query parameters of the request, as they came: `includeWorkflows` of a deletion. */
  params: z.record(z.string(), z.unknown()).default({}),
  input: z.unknown().optional(),
});
export type Command = z.infer<typeof Command>;

/**
 * A query on `query.<kind>.<name>`; `params` are the query parameters, parsed or as they came: config parses them once more, to the same end.
 */
export const Query = z.object({
  /** The tenant; `-` for an instance's token where the path names none. */
  applicationId: z.string(),
  id: z.string().optional(),
  parentId: z.string().optional(),
  params: z.record(z.string(), z.unknown()).default({}),
});
export type Query = z.infer<typeof Query>;

/** Query of the gateway for a token that isn't on its CONFIG yet: `params: {tokenHash}`, answered with the {@link TokenState} or NotFound. */
export const TOKEN_LOOKUP_SUBJECT = 'query.token.lookup';

/** The answer to a command or query. `position` is the event store's: the gateway answers once it has applied it. */
export const Reply = z.union([
  z.object({ ok: z.literal(true), result: z.unknown(), position: z.number().optional() }),
  z.object({ ok: z.literal(false), error: ApiError }),
]);
export type Reply = z.infer<typeof Reply>;
