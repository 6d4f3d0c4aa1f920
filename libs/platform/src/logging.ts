import pino, { type DestinationStream, type Logger as PinoLogger } from 'pino';

export type Logger = PinoLogger;

export interface LoggerOptions {
  /** The service, on every line. */
  readonly service: string;
  readonly replicaId?: string;
  /** `trace` … `fatal`, or `silent`. Default `info`. */
  readonly level?: string;
  /** Where lines go; default standard output. */
  readonly destination?: DestinationStream;
}

/** Where a secret could stand in what a caller logs: the last line of defence, as nobody should log one. */
const SECRET_FIELDS = [
  'authorization',
  'password',
  'token',
  'accessToken',
  'privateKey',
  'keyJson',
  'connectionString',
  'secretAccessKey',
  'secret',
  'config',
  'body',
  'headers',
];
const REDACTED = SECRET_FIELDS.flatMap((field) => [field, `*.${field}`]);

/** One JSON object a line on standard output. */
export function createLogger(options: LoggerOptions): Logger {
  const settings: pino.LoggerOptions = {
    level: options.level ?? 'info',
    base: { service: options.service, ...(options.replicaId === undefined ? {} : { replica: options.replicaId }) },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    // A number is no secret: `token` is also what a lease's fencing number is called.
    redact: { paths: REDACTED, censor: (value) => (typeof value === 'number' ? value : '[redacted]') },
    serializers: { err: describeError },
  };
  return options.destination === undefined ? pino(settings) : pino(settings, options.destination);
}

/** An error as it may be logged: name, code, message, stack and causes; none of its other properties, which may hold a request or a configuration. */
export function describeError(error: unknown, depth = 0): Record<string, unknown> {
  if (!(error instanceof Error)) return { type: typeof error };
  const code = (error as { code?: unknown }).code;
  return {
    type: error.name,
    message: error.message,
    ...(typeof code === 'string' ? { code } : {}),
    ...(error.stack === undefined ? {} : { stack: error.stack }),
    ...(error.cause === undefined || depth > 3 ? {} : { cause: describeError(error.cause, depth + 1) }),
  };
}

/** What Nest's own lines go to: the same log, its start-up chatter at debug. */
export function nestLogger(log: Logger): {
  log(message: unknown, ...rest: unknown[]): void;
  error(message: unknown, ...rest: unknown[]): void;
  warn(message: unknown, ...rest: unknown[]): void;
  debug(message: unknown, ...rest: unknown[]): void;
  verbose(message: unknown, ...rest: unknown[]): void;
} {
  const context = (rest: readonly unknown[]): { context?: string } => {
    const last = rest.at(-1);
    return typeof last === 'string' ? { context: last } : {};
  };
  return {
    log: (message, ...rest) => log.debug(context(rest), String(message)),
    error: (message, ...rest) => log.error({ ...context(rest), err: message instanceof Error ? message : undefined }, String(message)),
    warn: (message, ...rest) => log.warn(context(rest), String(message)),
    debug: (message, ...rest) => log.debug(context(rest), String(message)),
    verbose: (message, ...rest) => log.trace(context(rest), String(message)),
  };
}
