import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import Handlebars from 'handlebars';
import { htmlHelpers, markdownHelpers } from './helpers.ts';

const folder = new URL('../../templates/', import.meta.url);

const readTemplate = (name: string): string => readFileSync(new URL(name, folder), 'utf8');

const htmlPartials = [
  'severity',
  'quote',
  'chain',
  'remedy',
  'more',
  'kicker',
  'finding-rows',
  'cause-body',
  'cause',
  'past',
  'filter',
  'proxy-head',
  'proxy-rows',
] as const;
const markdownPartials = ['cause.md', 'remedy.md'] as const;

/** `if` and `each` accept a name that does not exist even in strict mode; these do not. */
function insistOnNames(engine: typeof Handlebars): void {
  for (const name of ['if', 'unless', 'each'] as const) {
    const builtIn = engine.helpers[name];
    engine.registerHelper(name, function (this: unknown, value: unknown, options: unknown) {
      if (value === undefined)
        throw new TypeError(`a template asks {{#${name}}} about something the page does not have`);
      return builtIn?.call(this, value, options as Handlebars.HelperOptions);
    });
  }
}

function compiler(
  helpers: Record<string, Handlebars.HelperDelegate>,
  partials: readonly string[],
  noEscape: boolean,
): (template: string) => Handlebars.TemplateDelegate {
  const engine = Handlebars.create();
  const knownHelpers = Object.fromEntries(Object.keys(helpers).map((name) => [name, true]));
  const options = { strict: true, knownHelpersOnly: true, knownHelpers, preventIndent: true, noEscape };
  insistOnNames(engine);
  engine.registerHelper(helpers);
  for (const name of partials) {
    engine.registerPartial(name.replace(/\.md$/, ''), engine.compile(readTemplate(`partials/${name}.hbs`), options));
  }
  return (template) => engine.compile(readTemplate(template), options);
}

const once = <T>(make: () => T): (() => T) => {
  let made: { readonly value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
};

const html = once(() => compiler(htmlHelpers, htmlPartials, false));
const markdown = once(() => compiler(markdownHelpers, markdownPartials, true));

/** Templates, compiled when first used. */
export const templates = {
  reportHtml: once(() => html()('report.html.hbs')),
  reportMarkdown: once(() => markdown()('report.md.hbs')),
  ruleMarkdown: once(() => markdown()('rule.md.hbs')),
};

const sha256 = (content: string): string => `'sha256-${createHash('sha256').update(content, 'utf8').digest('base64')}'`;

/** The one style sheet and the one script, with the hashes that the Content-Security-Policy of a page names. */
export const assets = once(() => {
  const css = readTemplate('report.css');
  const js = readTemplate('report.js');
  return {
    css,
    js,
    policy: new Handlebars.SafeString(
      `default-src 'none'; style-src ${sha256(css)}; script-src ${sha256(js)}; img-src data:; base-uri 'none'; form-action 'none'`,
    ),
  };
});
