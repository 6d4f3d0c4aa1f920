import type { BlockHelper } from './blocks.ts';
import type { InlineHelper } from './helpers/types.ts';

/** What a template is after parsing: checked, with its helpers resolved. Nothing in it is code of the user's. */
export type Node = { readonly kind: 'text'; readonly text: string } | { readonly kind: 'value'; readonly value: Expression } | Block;

export interface Block {
  readonly kind: 'block';
  readonly helper: BlockHelper;
  readonly params: readonly Expression[];
  readonly hash: Hash;
  readonly body: Program;
  readonly otherwise: Program;
}

export interface Program {
  readonly nodes: readonly Node[];
  /** Names of `as |a b|`. */
  readonly locals: readonly string[];
}

export type Expression = { readonly kind: 'literal'; readonly value: string | number | boolean | null | undefined } | PathExpression | Call;

export interface PathExpression {
  readonly kind: 'path';
  /** `@index` and the like. */
  readonly data: boolean;
  /** How many `../` it begins with. */
  readonly up: number;
  /** What it begins at instead of the context: `(lookup a b).c`. */
  readonly from?: Expression;
  /** `this.name` or `./name`: never a block parameter. */
  readonly scoped: boolean;
  readonly segments: readonly string[];
}

export interface Call {
  readonly kind: 'call';
  readonly name: string;
  readonly helper: InlineHelper;
  readonly params: readonly Expression[];
  readonly hash: Hash;
  /** A name that stands alone: a property of the context by that name goes before the helper. */
  readonly lone?: PathExpression;
}

export type Hash = readonly (readonly [key: string, value: Expression])[];
