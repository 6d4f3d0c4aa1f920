import { evaluateExpression, type Run, type Scope } from '../interpret.ts';
import { toNumber } from '../values.ts';
import { OPERATORS } from './operators.ts';
import type { Tree } from './parse.ts';

/** The value of an expression; `&&`, `||` and `?:` evaluate only what they need and give back one of their sides, as in JavaScript. */
export function evaluateTree(tree: Tree, scope: Scope, run: Run): unknown {
  run.budget.spend(1);
  switch (tree.kind) {
    case 'constant':
      return tree.value;
    case 'variable':
      return evaluateExpression(tree.value, scope, run);
    case 'prefix': {
      const value = evaluateTree(tree.operand, scope, run);
      if (tree.operator === '!') return !value;
      return tree.operator === '-' ? -toNumber(value) : toNumber(value);
    }
    case 'choice':
      return evaluateTree(evaluateTree(tree.condition, scope, run) ? tree.yes : tree.no, scope, run);
    case 'call':
      return tree.fn.run(
        tree.args.map((arg) => evaluateTree(arg, scope, run)),
        run.budget,
      );
    default: {
      const left = evaluateTree(tree.left, scope, run);
      if (tree.operator === '&&' && !left) return left;
      if (tree.operator === '||' && left) return left;
      const right = evaluateTree(tree.right, scope, run);
      if (tree.operator === '+' && run.adds) return toNumber(left) + toNumber(right);
      const operator = OPERATORS[tree.operator];
      return operator === undefined ? right : operator(left, right, run.budget);
    }
  }
}
