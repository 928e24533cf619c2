// Transactions. What a callback does with repositories belongs to its transaction.
const { part, helpful } = shared;
const { request } = part("requests");
const open = part("open");
let running = false;

async function run(work) {
  if (running) throw new Error("A transaction is running already; one inside another is not possible");
  running = true;
  try {
    const id = await request("transaction.begin", []);
    let result;
    try {
      open.transaction = id;
      result = await work();
    } catch (error) {
      open.transaction = null;
      await request("transaction.rollback", [id]);
      throw error;
    }
    open.transaction = null;
    await request("transaction.commit", [id]);
    return result;
  } finally {
    running = false;
  }
}

return helpful({ run }, "$transaction");
