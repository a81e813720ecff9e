/*-------------------------------------------------------------------------
 *
 * itemlists.h
 *		Items that the user lists: which may be where, and which never together.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RECSYS_RULES_ITEMLISTS_H
#define RECSYS_RULES_ITEMLISTS_H

#include "core/compat.h"
#include "rules/baskets.h"
#include "rules/options.h"

typedef struct ItemLists
{
	IdDict	   *dict;
	const RulesOptions *options;
	/* by number in the dictionary: NULL where nothing is left out */
	bool	   *dropped;
	/* by item of the miner: NULL where any item may be there */
	bool	   *on_lhs;
	bool	   *on_rhs;
} ItemLists;

extern void item_lists_open(ItemLists *lists, IdDict *dict, const RulesOptions *options);
extern void item_lists_encode(ItemLists *lists, EncodedBaskets *encoded);
extern bool item_lists_allow(const ItemLists *lists, const uint32 *items, uint32 length,
							 const uint32 *rhs, uint32 nrhs);

#endif							/* RECSYS_RULES_ITEMLISTS_H */
