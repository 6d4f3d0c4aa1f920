import { TemplateError } from '#lib/templating';

/** An error that ends a run, as its author sees it. `name` is one of a small set that nodes document: `PayloadTooLarge`, `InvalidJsonTemplate`, … */
export class NodeError extends Error {
  constructor(name: string, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = name;
  }
}

/** What a failed run says. The node fields are absent when no node is at fault: the run took too long, its workflow is gone. */
export interface RunError {
  readonly name: string;
  readonly message: string;
  readonly nodeId?: string;
  readonly nodeType?: string;
}

/** Longest message of a run's error, characters: it travels to viewers and into flowError triggers. */
const MAX_MESSAGE = 4_096;

const TEMPLATE_NAMES = { syntax: 'TemplateSyntax', limit: 'TemplateLimit', json: 'InvalidJsonTemplate' } as const;

const nameOf = (error: unknown): string => {
  if (error instanceof TemplateError) return TEMPLATE_NAMES[error.code];
  return error instanceof Error ? error.name : 'Error';
};

export function runErrorOf(error: unknown, node?: { readonly id: string; readonly type: string }): RunError {
  const message = error instanceof Error ? error.message : String(error);
  const where = node === undefined ? {} : { nodeId: node.id, nodeType: node.type };
  return { name: nameOf(error), message: message.slice(0, MAX_MESSAGE), ...where };
}
