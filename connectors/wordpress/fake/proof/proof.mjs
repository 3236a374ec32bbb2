// Drives a fake WordPress site with WordPress's own clients. Run by
// proof_test.go; exits 1 at the first thing that is not as WordPress has it.
import assert from 'node:assert/strict';
import apiFetchModule from '@wordpress/api-fetch';
import WPAPI from 'wpapi';

const apiFetch = apiFetchModule.default ?? apiFetchModule;
const site = process.env.SITE;
const username = process.env.LOGIN;
const password = process.env.PASSWORD;
const authorization = 'Basic ' + Buffer.from(`${username}:${password}`).toString('base64');

// api-fetch is written for browsers: a middleware stands in for the cookie.
apiFetch.use(apiFetch.createRootURLMiddleware(`${site}/wp-json/`));
apiFetch.use((options, next) => next({ ...options, credentials: 'omit', headers: { ...options.headers, Authorization: authorization } }));

const steps = [];
const step = (name, run) => steps.push([name, run]);

step('api-fetch: parse:false gives totals', async () => {
  const res = await apiFetch({ path: '/wp/v2/posts?context=edit&per_page=100&status=any', parse: false });
  assert.equal(res.headers.get('X-WP-Total'), '250');
  assert.equal(res.headers.get('X-WP-TotalPages'), '3');
  assert.match(res.headers.get('Link'), /rel="next"/);
  const rows = await res.json();
  assert.equal(rows.length, 100);
  assert.equal(typeof rows[0].title.raw, 'string');
});

step('api-fetch: the fetch-all middleware follows rel=next', async () => {
  apiFetch.use(apiFetch.fetchAllMiddleware);
  const rows = await apiFetch({ path: '/wp/v2/posts?context=edit&per_page=-1&status=any&orderby=id&order=asc' });
  assert.equal(rows.length, 250);
  assert.deepEqual(rows.map((r) => r.id), [...rows.map((r) => r.id)].sort((a, b) => a - b));
});

step('api-fetch: create, PUT and PATCH through the method override, DELETE', async () => {
  const content = '<!-- wp:paragraph -->\n<p>“Straße” & co — \u{1F35E}</p>\n<!-- /wp:paragraph -->';
  const made = await apiFetch({ path: '/wp/v2/posts', method: 'POST', data: { title: 'Proof', content, status: 'draft' } });
  assert.equal(made.status, 'draft');
  assert.equal(made.content.raw, content);
  assert.ok(!made.content.rendered.includes('wp:paragraph'));
  const put = await apiFetch({ path: `/wp/v2/posts/${made.id}`, method: 'PUT', data: { excerpt: 'short' } });
  assert.equal(put.excerpt.raw, 'short');
  assert.equal(put.title.raw, 'Proof');
  const gone = await apiFetch({ path: `/wp/v2/posts/${made.id}`, method: 'DELETE' });
  assert.equal(gone.status, 'trash');
  await assert.rejects(apiFetch({ path: `/wp/v2/posts/${made.id}`, method: 'DELETE' }), { code: 'rest_already_trashed' });
  const forced = await apiFetch({ path: `/wp/v2/posts/${made.id}?force=true`, method: 'DELETE' });
  assert.equal(forced.deleted, true);
});

step('api-fetch: errors are objects with code and data.status', async () => {
  await assert.rejects(apiFetch({ path: '/wp/v2/posts/999999' }), (e) => e.code === 'rest_post_invalid_id' && e.data.status === 404);
  await assert.rejects(apiFetch({ path: '/wp/v2/nothing' }), { code: 'rest_no_route' });
  await assert.rejects(apiFetch({ path: '/wp/v2/tags', method: 'POST', data: {} }), (e) => e.code === 'rest_missing_callback_param' && e.data.params[0] === 'name');
});

step('api-fetch: batch/v1 answers an item each', async () => {
  const res = await apiFetch({ path: '/batch/v1', method: 'POST', data: { validation: 'normal', requests: [
    { method: 'POST', path: '/wp/v2/tags', body: { name: 'proof tag' } },
    { method: 'POST', path: '/wp/v2/tags', body: { name: 'proof tag' } },
    { method: 'POST', path: '/wp/v2/media', body: {} },
  ] } });
  assert.deepEqual(res.responses.map((r) => r.status), [201, 400, 400]);
  assert.equal(res.responses[1].body.code, 'term_exists');
  assert.equal(res.responses[1].body.data.term_id, res.responses[0].body.id);
  assert.equal(res.responses[2].body.code, 'rest_batch_not_allowed');
});

const client = new WPAPI({ endpoint: `${site}/wp-json`, username, password, auth: true });

step('wpapi: paging by headers', async () => {
  const rows = await client.posts().param('context', 'edit').param('status', 'any').perPage(100).page(3).orderby('id').order('asc');
  assert.equal(rows.length, 50);
  assert.equal(Number(rows._paging.total), 250);
  assert.equal(Number(rows._paging.totalPages), 3);
  assert.ok(rows._paging.prev);
});

step('wpapi: discovery by the Link header', async () => {
  const found = await WPAPI.discover(site);
  assert.equal(typeof found.posts, 'function');
  assert.equal((await found.posts().perPage(2)).length, 2);
});

step('wpapi: create, update, read, delete', async () => {
  const made = await client.posts().create({ title: 'By wpapi', content: 'x', status: 'publish' });
  assert.equal(made.status, 'publish');
  assert.equal(made.slug, 'by-wpapi');
  const twin = await client.posts().create({ title: 'By wpapi', content: 'y', status: 'publish' });
  assert.equal(twin.slug, 'by-wpapi-2');
  const updated = await client.posts().id(made.id).update({ title: 'Changed' });
  assert.equal(updated.title.raw, 'Changed');
  assert.equal((await client.posts().slug('by-wpapi'))[0].id, made.id);
  for (const p of [made, twin]) assert.equal((await client.posts().id(p.id).delete({ force: true })).deleted, true);
});

step('wpapi: terms, users and types', async () => {
  const category = await client.categories().create({ name: 'Proof category' });
  assert.equal(category.taxonomy, 'category');
  await assert.rejects(client.categories().id(category.id).delete(), { code: 'rest_trash_not_supported' });
  assert.equal((await client.categories().id(category.id).delete({ force: true })).deleted, true);
  assert.equal((await client.users().me().param('context', 'edit')).username, username);
  assert.equal((await client.types()).post.rest_base, 'posts');
  assert.equal((await client.taxonomies()).category.rest_base, 'categories');
});

step('wpapi: media upload and featured_media', async () => {
  const image = await client.media().file(Buffer.from([0xff, 0xd8, 0xff, 0xd9]), 'brot-straße.jpg').create({ title: 'Brot' });
  assert.equal(image.media_type, 'image');
  const post = await client.posts().create({ title: 'With image', featured_media: image.id });
  assert.equal(post.featured_media, image.id);
  await assert.rejects(client.posts().id(post.id).update({ featured_media: 987654 }), { code: 'rest_invalid_featured_media' });
  await client.posts().id(post.id).delete({ force: true });
});

step('wpapi: a wrong password is incorrect_password', async () => {
  const wrong = new WPAPI({ endpoint: `${site}/wp-json`, username, password: 'nope', auth: true });
  await assert.rejects(Promise.resolve(wrong.users().me()), { code: 'incorrect_password' });
});

let failed = 0;
for (const [name, run] of steps) {
  try {
    await run();
    console.log(`ok   ${name}`);
  } catch (e) {
    failed++;
    console.log(`FAIL ${name}\n${e?.stack ?? JSON.stringify(e)}`);
  }
}
console.log(`${steps.length - failed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
