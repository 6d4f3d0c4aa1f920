import { type Budget, Output } from '../budget.ts';
import { TemplateError } from '../error.ts';
import { MAX_DEPTH } from '../limits.ts';
import { isObject, own, toText } from '../values.ts';
import type { InlineHelper } from './types.ts';

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };
const escape = (text: string): string => text.replaceAll(/[&<>"']/g, (c) => ENTITIES[c] ?? c);

/** Elements that have neither content nor an end tag. */
const VOID = new Set(['area', 'base', 'br', 'col', 'embed', 'hr', 'img', 'input', 'link', 'meta', 'source', 'track', 'wbr']);
/** Names of elements and attributes; others are left out, for they could break out of the tag. */
const NAME = /^[a-z][\w:.-]{0,127}$/i;

/** [{key, value}] as parsers with a tree of their own write them, or {key: value}. */
function attributesOf(node: unknown, budget: Budget): readonly (readonly [string, unknown])[] {
  const found = own(node, 'attributes') ?? own(node, 'attribs') ?? own(node, 'attrs');
  if (Array.isArray(found))
    return found.map((entry) => [toText(own(entry, 'key') ?? own(entry, 'name'), budget), own(entry, 'value')] as const);
  return isObject(found) ? Object.entries(found) : [];
}

class HtmlWriter {
  readonly #output: Output;
  readonly #budget: Budget;

  constructor(budget: Budget) {
    this.#budget = budget;
    this.#output = new Output(budget);
  }

  get text(): string {
    return this.#output.text;
  }

  write(node: unknown, depth = 0): void {
    if (depth > MAX_DEPTH) throw new TemplateError('limit', `HTML is nested deeper than ${MAX_DEPTH}`);
    this.#budget.spend(1);
    if (Array.isArray(node)) for (const one of node) this.write(one, depth + 1);
    else if (!isObject(node)) this.#output.write(escape(toText(node, this.#budget)));
    else this.#object(node, depth);
  }

  #object(node: Record<string, unknown>, depth: number): void {
    const type = own(node, 'type');
    const content = toText(own(node, 'content') ?? own(node, 'data') ?? own(node, 'text'), this.#budget);
    if (type === 'text') this.#output.write(escape(content));
    else if (type === 'comment') this.#output.write(`<!--${content.replaceAll('--', '')}-->`);
    else this.#element(node, depth);
  }

  #element(node: Record<string, unknown>, depth: number): void {
    const name = toText(own(node, 'tagName') ?? own(node, 'name') ?? own(node, 'tag'), this.#budget);
    const children = own(node, 'children') ?? own(node, 'content');
    if (!NAME.test(name)) {
      if (children !== undefined) this.write(children, depth + 1);
      return;
    }
    this.#output.write(`<${name}`);
    for (const [key, value] of attributesOf(node, this.#budget)) {
      this.#budget.spend(1);
      if (!NAME.test(key)) continue;
      this.#output.write(value === null || value === undefined ? ` ${key}` : ` ${key}="${escape(toText(value, this.#budget))}"`);
    }
    this.#output.write('>');
    if (VOID.has(name.toLowerCase())) return;
    if (children !== undefined) this.write(children, depth + 1);
    this.#output.write(`</${name}>`);
  }
}

export const HTML: Readonly<Record<string, InlineHelper>> = {
  /** A tree of HTML nodes ({type, tagName, attributes, children}, {type: text, content}) as HTML; text is escaped, wherever it stands. */
  toHtml: ([node], _hash, { budget }) => {
    const writer = new HtmlWriter(budget);
    writer.write(node);
    return writer.text;
  },
};
