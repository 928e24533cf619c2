// The transaction that repositories belong to at present.
return { transaction: null };
