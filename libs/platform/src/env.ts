import { z } from 'zod';

/** What is wrong with the environment: names and rules, never values. */
export class EnvironmentError extends Error {
  readonly code = 'environment';
  constructor(readonly problems: readonly string[]) {
    super(`these settings are wrong:\n${problems.map((problem) => `  ${problem}`).join('\n')}`);
    this.name = 'EnvironmentError';
  }
}

/**
 * Reads an app's settings once, at its start. `variables` maps each setting to its environment variable; the schema says what is right.
 * A variable that is set to nothing counts as absent. Throws {@link EnvironmentError} with the names of all that is wrong.
 */
export function readEnvironment<S extends z.ZodObject>(
  schema: S,
  variables: Record<keyof z.infer<S> & string, string>,
  environment: Readonly<Record<string, string | undefined>>,
): z.infer<S> {
  const given: Record<string, string> = {};
  for (const [setting, variable] of Object.entries<string>(variables)) {
    const value = environment[variable];
    if (value !== undefined && value !== '') given[setting] = value;
  }
  const parsed = schema.safeParse(given);
  if (parsed.success) return parsed.data;
  throw new EnvironmentError(parsed.error.issues.map((issue) => problemOf(issue, variables, given)));
}

function problemOf(issue: z.core.$ZodIssue, variables: Readonly<Record<string, string>>, given: Readonly<Record<string, string>>): string {
  const setting = String(issue.path[0] ?? '');
  const variable = variables[setting] ?? setting;
  return given[setting] === undefined ? `${variable} is required` : `${variable}: ${issue.message}`;
}

/** Schemas of common settings: the text of an environment variable to a value. */
export const setting = {
  port: () =>
    z
      .string()
      .regex(/^\d{1,5}$/, 'must be a port number')
      .transform(Number)
      .refine((port) => port <= 65_535, 'must be a port number'),
  /** A count or a size. */
  whole: (minimum = 0) =>
    z
      .string()
      .regex(/^\d{1,15}$/, 'must be a whole number')
      .transform(Number)
      .refine((value) => value >= minimum, `must be at least ${minimum}`),
  flag: () => z.enum(['on', 'off', 'true', 'false', '1', '0'], 'must be on or off').transform((text) => ['on', 'true', '1'].includes(text)),
  /** An address with one of these schemes; the message never shows it, as it may hold a password. */
  url: (...schemes: string[]) =>
    z
      .string()
      .refine(
        (text) => schemes.some((scheme) => text.startsWith(`${scheme}://`)),
        `must be an address that starts with ${schemes.join(':// or ')}://`,
      ),
  text: () => z.string(),
};
