import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { render } from '../src/report/render.ts';
import type { Report } from '../src/report/report.ts';
import { diagnosis, finding, hostile, shop } from './report/fixture.ts';

const executablePath = process.env['CHROMIUM'] ?? '/usr/bin/chromium';
const there = existsSync(executablePath);
if (!there) console.warn(`no browser at ${executablePath}: the browser test is skipped; set CHROMIUM to run it`);

const areas = ['traffic', 'security', 'configuration'] as const;

/** Enough remarks for a filter. */
const remarks: Report = {
  ...shop,
  diagnoses: [
    ...shop.diagnoses,
    ...Array.from({ length: 12 }, (_, index) =>
      diagnosis(
        finding({ id: 'remark', key: `remark-${index}`, severity: 'info', area: areas[index % 3] ?? 'traffic' }),
      ),
    ),
  ],
};

describe.skipIf(!there)('the HTML report in a browser', () => {
  let browser: Browser;
  let folder: string;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'report-'));
    browser = await chromium.launch({
      executablePath,
      args: [
        '--headless',
        '--no-sandbox',
        '--disable-gpu',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
      ],
    });
  });

  afterAll(async () => {
    await browser?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  /** Opens a report as the file that people get, and keeps what it tries to do. */
  async function open(
    name: string,
    report: Report,
    options: { readonly width?: number; readonly script?: boolean } = {},
  ) {
    const file = join(folder, `${name}.html`);
    writeFileSync(file, render(report, 'html'));
    const context = await browser.newContext({
      viewport: { width: options.width ?? 1280, height: 900 },
      javaScriptEnabled: options.script ?? true,
    });
    const page = await context.newPage();
    const requests: string[] = [];
    const complaints: string[] = [];
    page.on('request', (request) => requests.push(request.url()));
    page.on('console', (message) => complaints.push(`${message.type()}: ${message.text()}`));
    page.on('pageerror', (error) => complaints.push(String(error)));
    page.on('dialog', (dialog) => {
      complaints.push(`dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
    const address = pathToFileURL(file).href;
    await page.goto(address);
    return { page, requests, complaints, address, close: () => context.close() };
  }

  const overflow = (page: Page): Promise<number> =>
    page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth');

  it.each([
    ['shop', shop],
    ['hostile', hostile],
  ])('opens %s without a request, an error or a script of the archive', async (name, report) => {
    const { page, requests, complaints, address, close } = await open(name, report);
    await page.evaluate('document.querySelectorAll("details").forEach((fold) => { fold.open = true; })');
    await page.evaluate('new Promise((done) => setTimeout(done, 100))');
    expect(requests).toEqual([address]);
    expect(complaints).toEqual([]);
    expect(await page.locator('main > section').count()).toBe(5);
    await close();
  });

  it.each([1280, 768, 390])('never scrolls sideways at %i pixels', async (width) => {
    for (const [name, report] of [
      ['shop', shop],
      ['hostile', hostile],
    ] as const) {
      const { page, close } = await open(`${name}-${width}`, report, { width });
      await page.evaluate('document.querySelectorAll("details").forEach((fold) => { fold.open = true; })');
      expect(await overflow(page)).toBe(0);
      await close();
    }
  });

  it('filters the other findings', async () => {
    const { page, close } = await open('remarks', remarks);
    const shown = () => page.locator('#t-findings tbody tr:visible').count();
    expect(await shown()).toBe(13);
    await page.locator('[data-filter=t-findings] select[name=area]').selectOption('security');
    expect(await shown()).toBe(4);
    expect(await page.locator('[data-filter=t-findings] output').textContent()).toBe('4 of 13 shown');
    await page.locator('[data-filter=t-findings] [data-clear]').click();
    await page.locator('[data-filter=t-findings] input[name=q]').fill('payments main');
    expect(await shown()).toBe(1);
    await close();
  });

  it('opens the fold that an address points into', async () => {
    const { page, address, close } = await open('linked', shop);
    await page.goto(`${address}#server-errors-77d001`);
    await page.evaluate('new Promise((done) => setTimeout(done, 100))');
    expect(await page.locator('#server-errors-77d001').isVisible()).toBe(true);
    await close();
  });

  it('is complete without its script, and offers no control that needs it', async () => {
    const { page, close } = await open('static', remarks, { script: false });
    expect(await page.locator('[data-js]:visible').count()).toBe(0);
    expect(await page.locator('h1').textContent()).toContain('Route to an undefined subset');
    expect(await page.locator('#cause-1 .chain > li').count()).toBe(5);
    await close();
  });

  it('names its landmarks, tables and regions', async () => {
    const { page, close } = await open('named', shop);
    const unnamed = await page.evaluate(`[
      ...[...document.querySelectorAll('table')].filter((table) => !table.caption?.textContent.trim()),
      ...[...document.querySelectorAll('thead th')].filter((cell) => !cell.scope),
      ...[...document.querySelectorAll('.scroll')].filter((box) => box.tabIndex !== 0 || !box.getAttribute('aria-label')),
      ...[...document.querySelectorAll('svg')].filter((svg) => svg.getAttribute('aria-hidden') !== 'true'),
    ].map((element) => element.outerHTML.slice(0, 80))`);
    expect(unnamed).toEqual([]);
    const levels = await page.evaluate(
      '[...document.querySelectorAll("h1,h2,h3,h4")].map((heading) => Number(heading.tagName[1]))',
    );
    const steps = (levels as number[]).map((level, index, all) => level - (all[index - 1] ?? 0));
    expect(Math.max(...steps)).toBe(1);
    expect((levels as number[]).filter((level) => level === 1)).toHaveLength(1);
    await close();
  });
});
