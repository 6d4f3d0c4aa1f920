/** What we read of the tree that @handlebars/parser gives: its own types don't resolve from an ES module. */
interface Located {
  readonly loc: { readonly start: { readonly line: number; readonly column: number } };
}

export interface ProgramTree {
  readonly body: readonly StatementTree[];
  readonly blockParams?: readonly string[];
}

export interface HashTree {
  readonly pairs: readonly { readonly key: string; readonly value: ExpressionTree }[];
}

export interface CallTree extends Located {
  readonly path: ExpressionTree;
  readonly params: readonly ExpressionTree[];
  readonly hash?: HashTree;
}

export interface BlockTree extends CallTree {
  readonly type: 'BlockStatement';
  readonly program?: ProgramTree;
  readonly inverse?: ProgramTree;
}

export type StatementTree = Located &
  (
    | { readonly type: 'ContentStatement'; readonly value: string }
    | { readonly type: 'CommentStatement' }
    | (CallTree & { readonly type: 'MustacheStatement' })
    | BlockTree
    | { readonly type: 'PartialStatement' | 'PartialBlockStatement' | 'Decorator' | 'DecoratorBlock' }
  );

export interface SubExpressionTree extends CallTree {
  readonly type: 'SubExpression';
}

export interface PathTree extends Located {
  readonly type: 'PathExpression';
  readonly data: boolean;
  readonly depth: number;
  readonly parts: readonly [] | readonly [string | SubExpressionTree, ...string[]];
  readonly original: string;
}

export type ExpressionTree = Located &
  (
    | { readonly type: 'StringLiteral'; readonly value: string; readonly original: string }
    | { readonly type: 'NumberLiteral'; readonly value: number; readonly original: number }
    | { readonly type: 'BooleanLiteral'; readonly value: boolean; readonly original: boolean }
    | { readonly type: 'UndefinedLiteral' | 'NullLiteral' }
    | SubExpressionTree
    | PathTree
    | { readonly type: 'HashLiteral' | 'ArrayLiteral' }
  );
